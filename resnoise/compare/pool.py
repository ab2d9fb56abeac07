"""The pieces of a comparison, one after another or several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple, TypeVar

import torch

from resnoise import methods
from resnoise.compare.plan import Cell, Plan, RunOptions
from resnoise.config.recipe import Recipe
from resnoise.errors import TrainingError
from resnoise.evaluation.training_history import write_training_record
from resnoise.records.store import RecordStore
from resnoise.training import checkpoint
from resnoise.training.job import predecessor
from resnoise.training.run_folders import train_in, train_predecessor_in
from resnoise.utils.progress import Announce, Progress
from resnoise.utils.workers import WorkerLostError, done_in_workers

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class _Piece(NamedTuple):
    """The training of a cell, or the one that it starts from."""

    cell: Cell
    training: str
    is_start: bool = False
    place: str = ""

    def __str__(self) -> str:
        cell = self.cell
        return f"training {self.place}: {self.training}, {cell.architecture}, seed {cell.seed}"


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
    total = len(first) + len(then)
    train = partial(_train_one, plan, options)
    for before, pieces in ((0, first), (len(first), then)):
        numbered = [
            piece._replace(place=f"{number} of {total}")
            for number, piece in enumerate(pieces.values(), start=before + 1)
        ]
        run_each(train, numbered, options.jobs, announce, "trained")


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
    """
    jobs = min(jobs, len(pieces))
    if jobs <= 1:
        return [work(piece, announce(str(piece))) for piece in pieces]
    threads = max(1, torch.get_num_threads() // jobs)
    progress = announce(f"{len(pieces)} networks are {done}, {jobs} at a time")
    results: dict[int, Result] = {}
    finished = done_in_workers(work, pieces, jobs, partial(torch.set_num_threads, threads))
    try:
        with closing(finished):
            for index, result in finished:
                results[index] = result
                progress(len(results), len(pieces), str(pieces[index]))
    except WorkerLostError as error:
        raise TrainingError(
            f"a process was killed while {jobs} networks were {done} at a time, "
            "perhaps for want of memory; the same command goes on from what there is, and "
            "fewer `jobs` need less"
        ) from error
    return [results[index] for index in range(len(pieces))]


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
