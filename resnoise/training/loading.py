"""The way back from a checkpoint: to its network, and to its job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from resnoise import methods, models
from resnoise.config.recipe import Recipe
from resnoise.datasets import DataOptions, load
from resnoise.errors import CheckpointError, ConfigError
from resnoise.methods import Method
from resnoise.training import checkpoint
from resnoise.training.checkpoint import CheckpointInfo
from resnoise.training.job import Job
from resnoise.training.weights import load_state_


def restore(path: Path | str) -> tuple[CheckpointInfo, nn.Module]:
    """What a checkpoint says, and its trained network, without the data set that it is of.

    Args:
        path: `best.json` or `last.json` of a training.

    Returns:
        The network is in evaluation mode on the CPU. It is what was trained: a source network, of
        which `resnoise.convert` makes a spiking one, or of direct training the spiking one itself.

    Raises:
        CheckpointError: the checkpoint is damaged, or of a model that is not of this suite.
        ConfigError: its method is not installed.
        BackendError: it was trained directly on a backend that is not installed.

    Examples:
        >>> info, network = restore("results/check/digits/best.json")
        >>> info.method, info.job.architecture
        ('nq', 'digits-cnn')
    """
    path = Path(path)
    info, tensors = checkpoint.read(path)
    job = info.job
    require_of_suite(info, path)
    model = models.build(job.architecture, classes=len(job.classes), shape=job.shape, seed=job.seed)
    network = methods.get(info.method).network(model, job.training, recipe_of(info, path))
    load_state_(network, tensors, path)
    return info, network.eval()


def require_of_suite(info: CheckpointInfo, path: Path) -> None:
    """Raise `CheckpointError` if a checkpoint, read from `path`, is of a model of one's own."""
    job = info.job
    if job.model_sha256 or job.architecture not in models.names():
        raise CheckpointError(
            f"{path} is of a model of your own, {job.architecture!r}; load it by `Job.load` of "
            "the job that it was trained by, which has the model"
        )


def recipe_of(info: CheckpointInfo, path: Path) -> Recipe:
    """The recipe that the network of a checkpoint, read from `path`, was trained by.

    Raises:
        CheckpointError: the recipe is not valid.
    """
    try:
        return Recipe.from_json(info.job.recipe)
    except (KeyError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path} is edited: its recipe is not valid: {error}") from error


def job_of(path: Path, data: DataOptions, method: str | None = None) -> Job:
    """The job that a checkpoint is of.

    Args:
        path: `best.json` or `last.json` of a training.
        data: where the data set is; its name and image size are taken from the checkpoint.
        method: another method that uses the same training, or can be applied to its network;
            default is the one that trained it.

    Raises:
        CheckpointError: the checkpoint is damaged, or of a model that is not of this suite, or its
            recipe is not valid.
        ConfigError: there is no such method, or it cannot be applied to such a network.
        DataError: the data set is missing, incomplete or corrupt.

    Examples:
        >>> job = job_of(Path("results/check/digits/best.json"), DataOptions("digits"))
        >>> job.data.name, job.seed, job.recipe.epochs
        ('digits', 0, 10)
    """
    info = checkpoint.read_info(path)
    require_of_suite(info, path)
    recipe = recipe_of(info, path)
    trained_by = methods.get(info.method)
    chosen = trained_by if method is None else methods.get(method).applied_to(trained_by)
    options = replace(data, dataset=info.job.dataset, image_size=info.job.shape[-1])
    return Job(
        method=chosen,
        training=info.job.training,
        architecture=info.job.architecture,
        data=load(options, seed=info.job.seed, augmentation=recipe.augmentation),
        recipe=recipe,
        seed=info.job.seed,
    )


def source_network(method: Method, network: nn.Module, path: Path) -> nn.Module:
    """The network without spikes of a method's trained network, which came from `path`.

    Raises:
        CheckpointError: its method trains none.
    """
    source = method.source(network)
    if source is None:
        raise CheckpointError(
            f"{path} is of method {method.name}, which trains no network without spikes"
        )
    return source
