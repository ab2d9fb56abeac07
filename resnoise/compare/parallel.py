"""The trainings of a comparison, one after another or several at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import torch

from resnoise.compare.workplace import Workplace
from resnoise.errors import TrainingError
from resnoise.grid import Cell, Grid
from resnoise.progress import Announce, Progress
from resnoise.runs import train_in


def train_all(grid: Grid, place: Workplace, cells: Iterable[Cell], announce: Announce) -> None:
    """Train what cells of a comparison need and is not trained yet, each training once.

    Args:
        grid: the comparison.
        place: where checkpoints go, and how many trainings run at a time.
        cells: those of the grid whose networks are needed.
        announce: told of every training, or of all where several run at a time.

    Raises:
        TrainingError: a training failed, or its process was killed.
    """
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
