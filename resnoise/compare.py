"""Train, convert, evaluate and report a whole grid; a second call goes on where it stopped."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch

from resnoise import checkpoint, methods
from resnoise.atomic import exclusive, write_text
from resnoise.config import ExecutionConfig, InductionConfig, require_positive_int
from resnoise.datasets import ImageData, batches
from resnoise.difference import differences
from resnoise.errors import RecordError, TrainingError
from resnoise.evaluate import evaluate
from resnoise.grid import Cell, Grid
from resnoise.induction import induce
from resnoise.job import Job
from resnoise.progress import Announce, Progress, silence
from resnoise.records import Epoch, Histogram, LayerResidual, Residual, TrainingRecord
from resnoise.report import NQ, Reference, write_report
from resnoise.residual import HISTOGRAM_EDGES
from resnoise.runs import run_directory, train_in
from resnoise.slug import slug
from resnoise.store import RecordStore, read_training


@dataclass(frozen=True)
class Workplace:
    """Where a comparison works.

    Args:
        out: records, tables and report.
        runs: checkpoints, kept for the next call.
        execution: how trainings and evaluations run.
        jobs: trainings at a time; evaluations, which are timed, always run alone.
    """

    out: Path
    runs: Path = Path("runs")
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    jobs: int = 1

    def __post_init__(self) -> None:
        require_positive_int("jobs", self.jobs)


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
    _refuse_other_recipes(store, grid)
    _refuse_other_data(store, grid)
    present = store.keys()
    todo = [cell for cell in grid.cells() if not present.issuperset(grid.keys(cell))]
    _train_all(grid, place, todo, announce)
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


def _refuse_other_recipes(store: RecordStore, grid: Grid) -> None:
    """A training is of one recipe, whatever seeds, T and backends it is evaluated at.

    A method that trains a network for each T may give each a recipe of its own.
    """
    trained = {cell.training.name for cell in grid.cells()}
    for record in store.load():
        recipe = grid.recipes.get(record.method)
        elsewhere = (
            record.dataset != grid.data.dataset or record.architecture not in grid.architectures
        )
        if recipe is None or elsewhere or record.training not in trained:
            continue
        if record.levels != methods.get(record.method).levels(recipe):
            continue  # a row of its own
        if changed := differences(recipe.to_json(), record.recipe):
            name, (now, before) = next(iter(changed.items()))
            raise RecordError(
                f"{store.path} holds {record.method} of another recipe: {name} is "
                f"{before}, now {now}; use another --out"
            )


def _refuse_other_data(store: RecordStore, grid: Grid) -> None:
    """A data set of the same name may have other images by now, or be asked for in another size."""
    made_of = {r.data_sha256 for r in store.load() if r.dataset == grid.data.dataset}
    if not made_of:
        return
    now = grid.load(next(grid.cells())).sha256
    if others := sorted(made_of - {now}):
        raise RecordError(
            f"{store.path} was made of other images of {grid.data.dataset}: their SHA-256 was "
            f"{others[0]}, now it is {now}; use another --out"
        )


def _train_all(grid: Grid, place: Workplace, cells: Iterable[Cell], announce: Announce) -> None:
    # Methods may share a training, and backends do unless the training is theirs alone.
    waiting: dict[tuple, Cell] = {}
    for cell in cells:
        key = (cell.architecture, cell.seed, cell.training.name, grid.recipes[cell.method])
        waiting.setdefault(key, cell)
    # Two processes must not work at one training, so those that others start from come first.
    for goes_on in (False, True):
        chosen = [
            cell
            for cell in waiting.values()
            if bool(grid.recipes[cell.method].extensions.start_from) == goes_on
        ]
        if chosen:
            _train_each(grid, place, chosen, announce)


def _train_each(grid: Grid, place: Workplace, waiting: list[Cell], announce: Announce) -> None:
    if place.jobs == 1:
        for cell in waiting:
            _train_one(grid, place, cell, announce(_training_label(cell)))
        return
    threads = max(1, torch.get_num_threads() // place.jobs)
    # Forked processes inherit torch's thread pool in a state they cannot use.
    context = multiprocessing.get_context("spawn")
    progress = announce(f"{len(waiting)} trainings, {place.jobs} at a time")
    with ProcessPoolExecutor(
        place.jobs, context, initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        futures = {pool.submit(_train_one, grid, place, cell): cell for cell in waiting}
        for done, future in enumerate(as_completed(futures), start=1):
            try:
                future.result()
            except BrokenProcessPool as error:
                raise TrainingError(
                    f"a process was killed while {place.jobs} networks were trained at a time, "
                    "perhaps for want of memory; the same command goes on from what there is, and "
                    "fewer --jobs need less"
                ) from error
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            progress(done, len(waiting), _training_label(futures[future]))


def _train_one(grid: Grid, place: Workplace, cell: Cell, progress: Progress | None = None) -> None:
    job = grid.job(cell, grid.load(cell))
    train_in(place.runs, job, place.execution, progress)


def _training_label(cell: Cell) -> str:
    return f"train {cell.training.name}, {cell.architecture}, seed {cell.seed}"


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
