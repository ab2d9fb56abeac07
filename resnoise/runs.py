"""Where trainings keep their checkpoints, and the way back from one to its job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from resnoise import checkpoint, methods
from resnoise.atomic import exclusive
from resnoise.canonical import sha256_of
from resnoise.config import ExecutionConfig, require_timesteps
from resnoise.errors import CheckpointError, ConfigError
from resnoise.grid import DataOptions
from resnoise.job import Job
from resnoise.methods import Method, Training
from resnoise.progress import Progress
from resnoise.restore import recipe_of, require_of_suite
from resnoise.slug import slug
from resnoise.train import train


def run_directory(runs: Path, job: Job) -> Path:
    """Where the checkpoints of a job go; other recipes go elsewhere."""
    training = f"{job.training}-{sha256_of(job.recipe.to_json())[:8]}"
    return runs / slug(job.data.name) / job.architecture / f"seed{job.seed}" / training


def train_in(
    runs: Path,
    job: Job,
    execution: ExecutionConfig | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a job in its own directory, after the training that it starts from, if there is one.

    Arguments and errors are those of `resnoise.train`.

    Returns:
        Path of `best.json`.
    """
    directory = run_directory(runs, job)
    start = train_predecessor_in(runs, job, execution, progress)
    # Two processes at one training would overwrite each other: the second waits, and finds it done.
    # The folder is locked with every checkpoint that is written, so the lock is one inside it.
    with exclusive(directory / "training"):
        return train(job, directory, execution, progress, start=start)


def train_predecessor_in(
    runs: Path,
    job: Job,
    execution: ExecutionConfig | None = None,
    progress: Progress | None = None,
) -> Path | None:
    """Train what a job that has not begun yet starts from; arguments as in `train_in`.

    Returns:
        Path of its `best.json`; None if the job starts from scratch, or has begun.
    """
    before = job.predecessor()
    if before is None or (run_directory(runs, job) / "last.json").exists():
        return None
    return train_in(runs, before, execution, progress)


def job_of(path: Path, data: DataOptions, method: str | None = None) -> Job:
    """The job that a checkpoint is of.

    Args:
        path: `best.json` or `last.json` of a training.
        data: where the data set is; its name and image size are taken from the checkpoint.
        method: another method that uses the same training; default is the one that trained it.

    Raises:
        CheckpointError: the checkpoint is damaged, or of a model that is not of this suite, or its
            recipe is not valid.
        ConfigError: there is no such method.
        DataError: the data set is missing, incomplete or corrupt.
    """
    info = checkpoint.read_info(path)
    require_of_suite(info, path)
    recipe = recipe_of(info, path)
    return Job(
        method=methods.get(method or info.method),
        training=info.job.training,
        architecture=info.job.architecture,
        data=replace(data, dataset=info.job.dataset, image_size=info.job.shape[-1]).load(
            recipe, info.job.seed
        ),
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


def require_one_place(paths: Sequence[Path]) -> None:
    """Refuse checkpoints that do not belong into one table.

    Raises:
        CheckpointError: they are of several data sets or architectures, or one is damaged.
    """
    jobs = [checkpoint.read_info(path).job for path in paths]
    places = {(job.dataset, job.architecture) for job in jobs}
    if len(places) > 1:
        raise CheckpointError(
            f"expected trainings of one data set and architecture, but got {sorted(places)}"
        )


def require_rows_of_their_own(rows: Iterable[str]) -> None:
    """Refuse trainings that a table could not tell apart.

    Args:
        rows: of each training what its row is told by, in words.

    Raises:
        CheckpointError: two are of the same row.
    """
    row, count = Counter(rows).most_common(1)[0]
    if count > 1:
        raise CheckpointError(
            f"expected every training to have a row of its own, but got {count} of {row}; "
            "give them folders of their own"
        )


def training_of(job: Job, backend: str, timesteps: Sequence[int]) -> Training:
    """What a job's network can be evaluated at.

    Raises:
        ConfigError: these are no numbers of time steps, or its method does not evaluate it on this
            backend at any of them.
    """
    require_timesteps("timesteps", timesteps)
    for training in job.method.trainings(backend, timesteps):
        if training.name == job.training:
            return training
    raise ConfigError(
        f"method {job.method.name} does not evaluate training {job.training} on {backend} at T = "
        f"{', '.join(map(str, timesteps))}"
    )
