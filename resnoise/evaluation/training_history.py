"""The course of a training, kept with the records of a comparison."""

from __future__ import annotations

from pathlib import Path

from resnoise.config.recipe import InductionConfig
from resnoise.datasets import batches
from resnoise.methods.induction import induce
from resnoise.noise.residual import HISTOGRAM_EDGES
from resnoise.records.store import read_training
from resnoise.records.training_record import (
    Epoch,
    Histogram,
    LayerResidual,
    Residual,
    TrainingRecord,
)
from resnoise.training import checkpoint
from resnoise.training.job import Job
from resnoise.utils.files import exclusive, slug, write_text


def write_training_record(out: Path, job: Job, path: Path) -> None:
    """Write history and final residual error of a training for the report, once each training.

    Args:
        out: folder of the comparison; the record goes to `trainings/` in it.
        job: what was trained.
        path: its checkpoint.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another job.
        RecordError: the file is not a valid training record.
        StorageError: it cannot be written.
    """
    levels = job.method.levels(job.recipe)
    training = f"{job.training}-L{levels}" if levels else job.training
    name = slug(f"{job.data.name}-{job.architecture}-seed{job.seed}-{training}")
    target = out / "trainings" / f"{name}.json"
    history = [Epoch.model_validate(row) for row in checkpoint.read_info(path).history]
    # What is there may be of another recipe, whose records were moved away.
    if target.exists() and read_training(target).history == history:
        return
    record = TrainingRecord(
        training=job.training,
        method=job.trained_by,
        dataset=job.data.name,
        architecture=job.architecture,
        seed=job.seed,
        levels=levels,
        history=history,
        residual=_residual(job, path),
    )
    with exclusive(target.parent):
        write_text(target, record.model_dump_json(indent=1) + "\n")


def _residual(job: Job, path: Path) -> Residual | None:
    network = job.method.source(job.load(path))
    if network is None:
        return None
    # The same T for all: errors after different T cannot be compared.
    timesteps = InductionConfig().timesteps
    layers = induce(network, batches(job.data.validation, job.recipe.batch_size), timesteps).layers
    return Residual(
        timesteps=timesteps,
        layers={
            name: LayerResidual(
                mean=error.mean,
                std=error.std,
                sigma=error.sigma,
                threshold=error.threshold,
                histogram=Histogram(edges=list(HISTOGRAM_EDGES), counts=list(error.counts)),
            )
            for name, error in layers.items()
        },
    )
