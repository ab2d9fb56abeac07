"""The trainings of a comparison, one after another or several at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from itertools import islice
from typing import NamedTuple

import torch

from resnoise import methods
from resnoise.compare.workplace import Workplace
from resnoise.config import Recipe
from resnoise.errors import ResnoiseError, TrainingError
from resnoise.grid import Cell, Grid
from resnoise.job import predecessor
from resnoise.progress import Announce, Progress
from resnoise.runs import train_in, train_predecessor_in


class _Piece(NamedTuple):
    """The training of a cell, or the one that it starts from."""

    cell: Cell
    training: str
    is_start: bool = False

    def __str__(self) -> str:
        return f"train {self.training}, {self.cell.architecture}, seed {self.cell.seed}"


def train_all(grid: Grid, place: Workplace, cells: Iterable[Cell], announce: Announce) -> None:
    """Train what cells of a comparison need and is not trained yet, each training once.

    Args:
        grid: the comparison.
        place: where checkpoints go, and how many trainings run at a time.
        cells: those of the grid whose networks are needed.
        announce: told of every training, or of all where several run at a time.

    Raises:
        TrainingError: a training failed, or its process was killed; the others end with it.
        CheckpointError, ConfigError, ConversionError, DataError, PreparationError, StorageError:
            those of `resnoise.train`.
    """
    # Methods may share a training, and backends do unless the training is theirs alone; several
    # may start from the same one. Two processes must not work at one, so starts come first.
    first: dict[tuple, _Piece] = {}
    then: dict[tuple, _Piece] = {}
    for cell in cells:
        recipe = grid.recipes[cell.method]
        start = predecessor(methods.get(cell.method), recipe)
        own = first if start is None else then
        own.setdefault(_key(cell, cell.training.name, recipe), _Piece(cell, cell.training.name))
        if start is not None:
            piece = _Piece(cell, start.training, is_start=True)
            first.setdefault(_key(cell, start.training, start.recipe), piece)
    for pieces in (first, then):
        if pieces:
            _train_each(grid, place, list(pieces.values()), announce)


def _key(cell: Cell, training: str, recipe: Recipe) -> tuple:
    return cell.architecture, cell.seed, training, recipe


def _train_each(grid: Grid, place: Workplace, pieces: list[_Piece], announce: Announce) -> None:
    jobs = min(place.jobs, len(pieces))
    if jobs == 1:
        for piece in pieces:
            _train_one(grid, place, piece, announce(str(piece)))
        return
    threads = max(1, torch.get_num_threads() // jobs)
    # Forked processes inherit torch's thread pool in a state they cannot use.
    context = multiprocessing.get_context("spawn")
    progress = announce(f"{len(pieces)} trainings, {jobs} at a time")
    others = set(multiprocessing.active_children())
    with ExitStack() as stack:
        # A pool for each: a pool of several processes waits for ever where one of them is killed
        # while another is being started (Python 3.11).
        pools = [
            stack.enter_context(
                ProcessPoolExecutor(
                    1, context, initializer=torch.set_num_threads, initargs=(threads,)
                )
            )
            for _ in range(jobs)
        ]
        # No more than run at once: what waits in a pool is begun even after an interrupt.
        waiting = iter(pieces)
        running: dict[Future, tuple[ProcessPoolExecutor, _Piece]] = {}

        def begin(pool: ProcessPoolExecutor) -> None:
            for piece in islice(waiting, 1):
                running[pool.submit(_train_one, grid, place, piece)] = pool, piece

        def end_all() -> None:
            # Only one pool knows; the others would be waited for to their end, hours away.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()

        try:
            for pool in pools:
                begin(pool)
            for done in range(1, len(pieces) + 1):
                future = next(as_completed(running))
                pool, piece = running.pop(future)
                future.result()
                begin(pool)
                progress(done, len(pieces), str(piece))
        except ResnoiseError:
            end_all()
            raise
        except BrokenProcessPool as error:
            end_all()
            raise TrainingError(
                f"a process was killed while {jobs} networks were trained at a time, "
                "perhaps for want of memory; the same command goes on from what there is, and "
                "fewer --jobs need less"
            ) from error


def _train_one(
    grid: Grid, place: Workplace, piece: _Piece, progress: Progress | None = None
) -> None:
    job = grid.job(piece.cell, grid.load(piece.cell))
    train = train_predecessor_in if piece.is_start else train_in
    train(place.runs, job, place.execution, progress)
