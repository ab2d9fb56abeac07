"""Where trainings keep their checkpoints."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from resnoise.config.execution import ExecutionConfig
from resnoise.config.nested import sha256_of
from resnoise.training.job import Job
from resnoise.training.trainer import train
from resnoise.utils.files import exclusive, slug
from resnoise.utils.progress import Progress
from resnoise.utils.ranks import rank


def run_directory(runs: Path, job: Job) -> Path:
    """Where the checkpoints of a job go; other recipes go elsewhere.

    Examples:
        >>> from resnoise import Job, Recipe, datasets, methods
        >>> data = datasets.load("digits", seed=0)
        >>> job = Job(methods.get("nq"), "nq", "digits-cnn", data, Recipe(epochs=10))
        >>> run_directory(Path("runs"), job).parent.as_posix()
        'runs/digits/digits-cnn/seed0'
    """
    training = f"{job.training}-{sha256_of(job.recipe.to_json())[:8]}"
    folders = (job.data.name, job.architecture, f"seed{job.seed}", training)
    return runs.joinpath(*map(slug, folders))


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

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from resnoise import Job, Recipe, datasets, methods
        >>> data = datasets.load("digits", seed=0)
        >>> job = Job(methods.get("qcfs"), "qcfs", "digits-cnn", data, Recipe(epochs=1))
        >>> with TemporaryDirectory() as runs:
        ...     best = train_in(Path(runs), job)
        ...     best.relative_to(runs).parts[:3]
        ('digits', 'digits-cnn', 'seed0')
    """
    directory = run_directory(runs, job)
    start = train_predecessor_in(runs, job, execution, progress)
    # Two processes at one training would overwrite each other: the second waits, and finds it done.
    # The folder is locked with every checkpoint that is written, so the lock is one inside it.
    deadline = None if execution is None else execution.deadline
    with exclusive(directory / "training", deadline) if rank() == 0 else nullcontext():
        return train(job, directory, execution, progress, start=start)


def train_predecessor_in(
    runs: Path,
    job: Job,
    execution: ExecutionConfig | None = None,
    progress: Progress | None = None,
) -> Path | None:
    """Train what a job that has not started yet starts from; arguments as in `train_in`.

    Returns:
        Path of its `best.json`; None if the job starts from scratch, or was started already.
    """
    before = job.predecessor()
    if before is None or (run_directory(runs, job) / "last.json").exists():
        return None
    return train_in(runs, before, execution, progress)
