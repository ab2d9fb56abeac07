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
from resnoise.compare.plan import Cell, Plan, RunOptions
from resnoise.config.recipe import Recipe
from resnoise.errors import TrainingError
from resnoise.training.job import predecessor
from resnoise.training.run_folders import train_in, train_predecessor_in
from resnoise.utils.processes import end_with_parent
from resnoise.utils.progress import Announce, Progress


class _Piece(NamedTuple):
    """The training of a cell, or the one that it starts from."""

    cell: Cell
    training: str
    is_start: bool = False

    def __str__(self) -> str:
        return f"train {self.training}, {self.cell.architecture}, seed {self.cell.seed}"


def train_all(plan: Plan, options: RunOptions, cells: Iterable[Cell], announce: Announce) -> None:
    """Train what cells of a comparison need and is not trained yet, each training once.

    Args:
        plan: the comparison.
        options: where checkpoints go, and how many trainings run at a time.
        cells: those of the plan whose networks are needed.
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
        recipe = plan.recipes[cell.method]
        start = predecessor(methods.get(cell.method), recipe)
        own = first if start is None else then
        own.setdefault(_key(cell, cell.training.name, recipe), _Piece(cell, cell.training.name))
        if start is not None:
            piece = _Piece(cell, start.training, is_start=True)
            first.setdefault(_key(cell, start.training, start.recipe), piece)
    for pieces in (first, then):
        if pieces:
            _train_each(plan, options, list(pieces.values()), announce)


def _key(cell: Cell, training: str, recipe: Recipe) -> tuple:
    return cell.architecture, cell.seed, training, recipe


def _train_each(plan: Plan, options: RunOptions, pieces: list[_Piece], announce: Announce) -> None:
    jobs = min(options.jobs, len(pieces))
    if jobs == 1:
        for piece in pieces:
            _train_one(plan, options, piece, announce(str(piece)))
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
                ProcessPoolExecutor(1, context, initializer=_begin_worker, initargs=(threads,))
            )
            for _ in range(jobs)
        ]
        # No more than run at once: what waits in a pool is begun even after an interrupt.
        waiting = iter(pieces)
        running: dict[Future, tuple[ProcessPoolExecutor, _Piece]] = {}

        def begin(pool: ProcessPoolExecutor) -> None:
            for piece in islice(waiting, 1):
                running[pool.submit(_train_one, plan, options, piece)] = pool, piece

        def end_all() -> None:
            # Of a failure one pool knows, of a signal none: all would be waited for, for hours.
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
        except BrokenProcessPool as error:
            end_all()
            raise TrainingError(
                f"a process was killed while {jobs} networks were trained at a time, "
                "perhaps for want of memory; the same command goes on from what there is, and "
                "fewer --jobs need less"
            ) from error
        except BaseException:
            end_all()
            raise


def _begin_worker(threads: int) -> None:
    end_with_parent()
    torch.set_num_threads(threads)


def _train_one(
    plan: Plan, options: RunOptions, piece: _Piece, progress: Progress | None = None
) -> None:
    job = plan.job(piece.cell, plan.load(piece.cell))
    train = train_predecessor_in if piece.is_start else train_in
    train(options.runs, job, options.execution, progress)
