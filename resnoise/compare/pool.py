"""The pieces of a comparison, one after another or several at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import torch

from resnoise import methods
from resnoise.compare.plan import Cell, Plan, RunOptions
from resnoise.config.recipe import Recipe
from resnoise.errors import Stopped, TrainingError
from resnoise.evaluation.training_history import write_training_record
from resnoise.records.store import RecordStore
from resnoise.training import checkpoint
from resnoise.training.job import predecessor
from resnoise.training.run_folders import train_in, train_predecessor_in
from resnoise.utils.processes import end_with_parent
from resnoise.utils.progress import Announce, Progress

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class _Piece(NamedTuple):
    """The training of a cell, or the one that it starts from."""

    cell: Cell
    training: str
    is_start: bool = False

    def __str__(self) -> str:
        return f"train {self.training}, {self.cell.architecture}, seed {self.cell.seed}"


def train_all(plan: Plan, options: RunOptions, cells: Iterable[Cell], announce: Announce) -> None:
    """Train what cells of a comparison need and is not trained yet, each training once.

    The course of each is written beside the records of the comparison.

    Args:
        plan: the comparison.
        options: where checkpoints go, and how many trainings run at a time.
        cells: those of the plan whose networks are needed.
        announce: told of every training, or of all where several run at a time.

    Raises:
        TrainingError: a training failed, or its process was killed; the others end with it.
        RecordError: the records of the comparison are of other weights.
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
        key = _key(cell, cell.training.name, recipe)
        if key not in own or own[key].is_start:
            own[key] = _Piece(cell, cell.training.name)
        if start is not None:
            piece = _Piece(cell, start.training, is_start=True)
            first.setdefault(_key(cell, start.training, start.recipe), piece)
    for pieces in (first, then):
        train = partial(_train_one, plan, options)
        run_each(train, list(pieces.values()), options.jobs, announce, "trained")


def _key(cell: Cell, training: str, recipe: Recipe) -> tuple:
    return cell.architecture, cell.seed, training, recipe


def run_each(
    work: Callable[..., Result],
    pieces: Sequence[Piece],
    jobs: int,
    announce: Announce,
    done: str,
) -> list[Result]:
    """Do some work for each of several pieces, in processes of their own if several at a time.

    Args:
        work: called with a piece, and with its progress where it is the only one at a time.
        pieces: their text says what is done for them.
        jobs: the most at a time; they share the threads of this process.
        announce: told of every piece, or of all where several run at a time.
        done: what is done to the network of each piece, such as `"trained"`.

    Returns:
        The results, in the order of `pieces`.

    Raises:
        TrainingError: a process was killed; the others end with it.
        ResnoiseError: the work failed; the others end with it.
        Stopped: the deadline of the work came; the others end by it, too.
    """
    jobs = min(jobs, len(pieces))
    if jobs <= 1:
        return [work(piece, announce(str(piece))) for piece in pieces]
    threads = max(1, torch.get_num_threads() // jobs)
    # Forked processes inherit torch's thread pool in a state they cannot use.
    context = multiprocessing.get_context("spawn")
    progress = announce(f"{len(pieces)} networks are {done}, {jobs} at a time")
    results: dict[int, Result] = {}
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
        waiting = iter(enumerate(pieces))
        running: dict[Future, tuple[ProcessPoolExecutor, int]] = {}

        def begin(pool: ProcessPoolExecutor) -> None:
            for index, piece in islice(waiting, 1):
                running[pool.submit(work, piece)] = pool, index

        def end_all() -> None:
            # Of a failure one pool knows, of a signal none: all would be waited for, for hours.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()

        try:
            for pool in pools:
                begin(pool)
            for count in range(1, len(pieces) + 1):
                future = next(as_completed(running))
                pool, index = running.pop(future)
                results[index] = future.result()
                begin(pool)
                progress(count, len(pieces), str(pieces[index]))
        except Stopped:
            # All have the same deadline: the others, too, end at the end of an epoch.
            wait(running)
            raise
        except BrokenProcessPool as error:
            end_all()
            raise TrainingError(
                f"a process was killed while {jobs} networks were {done} at a time, "
                "perhaps for want of memory; the same command resumes, and "
                "fewer `jobs` need less"
            ) from error
        except BaseException:
            end_all()
            raise
    return [results[index] for index in range(len(pieces))]


def _begin_worker(threads: int) -> None:
    end_with_parent()
    torch.set_num_threads(threads)


def _train_one(
    plan: Plan, options: RunOptions, piece: _Piece, progress: Progress | None = None
) -> None:
    job = plan.job(piece.cell, plan.load(piece.cell))
    if piece.is_start:
        train_predecessor_in(options.runs, job, options.execution, progress)
        return
    path = train_in(options.runs, job, options.execution, progress)
    sha256 = checkpoint.read_info(path).sha256
    RecordStore(options.out).require_same_network(plan.keys(piece.cell)[0], sha256)
    write_training_record(options.out, job, path)
