"""Train, convert, evaluate and report a whole grid; a second call goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from resnoise import checkpoint
from resnoise.compare.parallel import train_all
from resnoise.compare.same import require_same_data, require_same_recipes
from resnoise.compare.training_record import write_training_record
from resnoise.compare.workplace import Workplace
from resnoise.datasets import ImageData
from resnoise.evaluate import evaluate
from resnoise.grid import Grid
from resnoise.progress import Announce, silence
from resnoise.provenance import provenance
from resnoise.report import NQ, Reference, write_report
from resnoise.runs import run_directory
from resnoise.store import RecordStore


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
        RecordError: `place.out` holds records that are not valid, or of another recipe, other data
            or other weights.
        StorageError: `place.out` or `place.runs` cannot be written.
        BackendError, CheckpointError, ConfigError, ConversionError, DataError, PreparationError,
            TrainingError: those of `resnoise.train` and of `resnoise.evaluate.evaluate`.
    """
    provenance()  # read before the work
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
        store.require_same_network(grid.keys(cell)[0], checkpoint.read_info(path).sha256)
        write_training_record(place.out, job, path)
        store.add(
            evaluate(job, path, cell.backend, cell.training, place.execution, progress=progress)
        )
    expected = [key for cell in grid.cells() for key in grid.keys(cell)]
    return write_report(place.out, reference=reference, published=published, expected=expected)
