"""The trainings of a comparison, those that others start from first."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from resnoise import methods
from resnoise.compare.plan import Cell, Plan, RunOptions
from resnoise.config.recipe import Recipe
from resnoise.evaluation.training_history import write_training_record
from resnoise.records.store import RecordStore
from resnoise.training import checkpoint
from resnoise.training.job import predecessor
from resnoise.training.run_folders import train_in, train_predecessor_in
from resnoise.utils.progress import Announce, Progress


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
        options.executor.run_each(train, numbered, announce, "trained")


def _key(cell: Cell, training: str, recipe: Recipe) -> tuple:
    return cell.architecture, cell.seed, training, recipe


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
