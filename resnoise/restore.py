"""A trained network from its checkpoint alone, without the data set that it is of."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from resnoise import checkpoint, methods, models
from resnoise.checkpoint import CheckpointInfo
from resnoise.config import Recipe
from resnoise.errors import CheckpointError, ConfigError


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
    """
    path = Path(path)
    info, tensors = checkpoint.read(path)
    job = info.job
    require_of_suite(info, path)
    model = models.build(job.architecture, classes=len(job.classes), shape=job.shape, seed=job.seed)
    network = methods.get(info.method).network(model, job.training, recipe_of(info, path))
    checkpoint.load_state_(network, tensors, path)
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
