"""A trained network on test images: one record for each number of time steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from resnoise.config.checks import require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError
from resnoise.evaluation.costs import Costs, measure_costs
from resnoise.evaluation.outcomes import Outcome, simulate_test_images
from resnoise.evaluation.subject import Subject
from resnoise.methods import Training
from resnoise.records.provenance import provenance
from resnoise.records.record import Record
from resnoise.training.job import Job
from resnoise.utils.progress import Progress, silent


def evaluate(
    job: Job,
    path: Path,
    backend: str,
    training: Training,
    execution: ExecutionConfig | None = None,
    *,
    progress: Progress | None = None,
) -> list[Record]:
    """Evaluate a trained network on the test split, at every time step it was asked for.

    Args:
        job: what was trained.
        path: its checkpoint.
        backend: whose neurons simulate it.
        training: which T to evaluate.
        execution: device, memory layout and compilation; the rest concerns training alone.
        progress: called with every batch.

    Returns:
        One record for each of `training.timesteps`.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another job.
        BackendError: the backend is not known, or not installed.
        ConfigError: there is no such device.
        DataError: an image cannot be read, or one that calibrates is a test image.
        ConversionError: some weights of the network are infinite or NaN.

    Examples:
        >>> from resnoise import DataOptions, job_of
        >>> path = Path("results/check/digits/best.json")
        >>> job = job_of(path, DataOptions("digits"))
        >>> (record,) = evaluate(job, path, "reference", Training("nq", (1,)))
        >>> record.timesteps, record.accuracy > 0.9
        (1, True)
    """
    provenance()  # read before the work
    subject = Subject(job, path, backend, max(training.timesteps), execution)
    outcomes = simulate_test_images(subject, training.timesteps, progress or silent)
    return records_of(outcomes, measure_costs(subject, training.timesteps))


def records_of(outcomes: Iterable[Outcome], costs: Iterable[Costs]) -> list[Record]:
    """The records of an evaluation, of its outcome and its costs at each T."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return [
        Record(**outcome, **cost, created=created)
        for outcome, cost in zip(outcomes, costs, strict=True)
    ]


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
