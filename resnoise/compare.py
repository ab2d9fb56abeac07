"""Train, convert, evaluate and report a whole grid; a second call goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from resnoise import checkpoint
from resnoise.atomic import exclusive, write_text
from resnoise.config import InductionConfig
from resnoise.datasets import ImageData, batches
from resnoise.evaluate import evaluate
from resnoise.grid import Grid
from resnoise.induction import induce
from resnoise.job import Job
from resnoise.parallel import train_all
from resnoise.progress import Announce, silence
from resnoise.records import Epoch, Histogram, LayerResidual, Residual, TrainingRecord
from resnoise.report import NQ, Reference, write_report
from resnoise.residual import HISTOGRAM_EDGES
from resnoise.runs import run_directory
from resnoise.same import require_same_data, require_same_recipes
from resnoise.slug import slug
from resnoise.store import RecordStore, read_training
from resnoise.workplace import Workplace

__all__ = ["Workplace", "compare"]


def compare(
    grid: Grid,
    place: Workplace,
    *,
    reference: Reference = NQ,
    published: pd.DataFrame | None = None,
    announce: Announce = silence,
) -> list[Path]:
    """Run a comparison, and write its tables and its report.

    Args:
        grid: what to compare.
        place: where, and how many trainings at a time.
        reference: what every other row is tested against.
        published: figures to show beside, see `resnoise.report.write_report`.
        announce: told of every training and evaluation.

    Returns:
        Paths of the written tables.

    Raises:
        RecordError: `place.out` holds records that are not valid, or of another recipe or other
            data.
        StorageError: `place.out` cannot be written.
    """
    store = RecordStore(place.out)
    store.check()
    require_same_recipes(store, grid)
    require_same_data(store, grid)
    present = store.keys()
    todo = [cell for cell in grid.cells() if not present.issuperset(grid.keys(cell))]
    train_all(grid, place, todo, announce)
    data: dict[int, ImageData] = {}
    for cell in todo:
        if cell.seed not in data:
            # Test and validation images are the same whatever a recipe does to training images.
            data = {cell.seed: grid.load(cell)}
        job = grid.job(cell, data[cell.seed])
        path = run_directory(place.runs, job) / "best.json"
        label = f"evaluate {cell.training.name} as {cell.method} on {cell.backend}"
        progress = announce(f"{label}, {cell.architecture}, seed {cell.seed}")
        _write_training_record(place.out, job, path)
        store.add(
            evaluate(job, path, cell.backend, cell.training, place.execution, progress=progress)
        )
    expected = [key for cell in grid.cells() for key in grid.keys(cell)]
    return write_report(place.out, reference=reference, published=published, expected=expected)


def _write_training_record(out: Path, job: Job, path: Path) -> None:
    """Write history and final residual error of a training for the report, once each training."""
    levels = job.method.levels(job.recipe)
    training = f"{job.training}-L{levels}" if levels else job.training
    name = f"{slug(job.data.name)}-{job.architecture}-seed{job.seed}-{training}.json"
    target = out / "trainings" / name
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
