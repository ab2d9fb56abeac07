"""Train, convert, evaluate and report a whole plan; a second call goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from resnoise.analysis.significance import Reference
from resnoise.compare.consistency import require_same_data, require_same_recipes
from resnoise.compare.plan import Plan, RunOptions
from resnoise.compare.pool import train_all
from resnoise.datasets import ImageData
from resnoise.evaluation.evaluator import evaluate
from resnoise.evaluation.training_history import write_training_record
from resnoise.records.provenance import provenance
from resnoise.records.store import RecordStore
from resnoise.report.writer import write_report
from resnoise.training import checkpoint
from resnoise.training.run_folders import run_directory
from resnoise.utils.progress import Announce, silence


def compare(
    plan: Plan,
    options: RunOptions,
    *,
    reference: Reference,
    published: pd.DataFrame | None = None,
    announce: Announce = silence,
) -> list[Path]:
    """Run a comparison, and write its tables and its report.

    Args:
        plan: what to compare.
        options: where, and how many trainings at a time.
        reference: what every other row is tested against.
        published: figures to show beside, see `resnoise.report.write_report`.
        announce: told of every training and evaluation.

    Returns:
        Paths of the written tables.

    Raises:
        RecordError: `options.out` holds records that are not valid, or of another recipe, other
            data or other weights.
        StorageError: `options.out` or `options.runs` cannot be written.
        BackendError, CheckpointError, ConfigError, ConversionError, DataError, PreparationError,
            TrainingError: those of `resnoise.train` and of `resnoise.evaluate.evaluate`.
    """
    provenance()  # read before the work
    store = RecordStore(options.out)
    store.check()
    require_same_recipes(store, plan)
    require_same_data(store, plan)
    present = store.keys()
    todo = [cell for cell in plan.cells() if not present.issuperset(plan.keys(cell))]
    train_all(plan, options, todo, announce)
    data: dict[int, ImageData] = {}
    for cell in todo:
        if cell.seed not in data:
            # Test and validation images are the same whatever a recipe does to training images.
            data = {cell.seed: plan.load(cell)}
        job = plan.job(cell, data[cell.seed])
        path = run_directory(options.runs, job) / "best.json"
        label = f"evaluate {cell.training.name} as {cell.method} on {cell.backend}"
        progress = announce(f"{label}, {cell.architecture}, seed {cell.seed}")
        store.require_same_network(plan.keys(cell)[0], checkpoint.read_info(path).sha256)
        write_training_record(options.out, job, path)
        store.add(
            evaluate(job, path, cell.backend, cell.training, options.execution, progress=progress)
        )
    expected = [key for cell in plan.cells() for key in plan.keys(cell)]
    return write_report(options.out, reference=reference, published=published, expected=expected)
