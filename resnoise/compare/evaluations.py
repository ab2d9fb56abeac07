"""The evaluations of a comparison: outcomes several at a time, costs while nothing else runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import torch

from resnoise.compare.plan import Cell, Plan, RunOptions
from resnoise.compare.processes import run_each
from resnoise.datasets import DataOptions, ImageData, load
from resnoise.evaluation.costs import measure_costs
from resnoise.evaluation.evaluator import records_of
from resnoise.evaluation.outcomes import Outcome, simulate_test_images
from resnoise.evaluation.subject import Subject
from resnoise.records.record import Record
from resnoise.records.store import RecordStore
from resnoise.training.run_folders import run_directory
from resnoise.utils.progress import Announce, Progress, silent

# Where several are simulated at a time, how many for each process before their costs are measured:
# a comparison that is killed simulates no more than these again.
_AT_ONCE = 8


def evaluate_all(
    plan: Plan, options: RunOptions, cells: Sequence[Cell], store: RecordStore, announce: Announce
) -> None:
    """Evaluate trained networks, and add their records to a store as they come.

    What a network makes of the test images is the same on any free core, so several find it out
    at a time; latencies and memory are measured after that, one network at a time in this process.

    Args:
        plan: the comparison.
        options: where checkpoints are, and how many networks are simulated at a time.
        cells: those of the plan that have no records yet; `train_all` has trained them.
        store: what the records are added to.
        announce: told of every evaluation, or of all where several run at a time.

    Raises:
        RecordError: the store holds records of other weights.
        StorageError: it cannot be written.
        TrainingError: a process was killed; the others end with it.
        Stopped: the deadline leaves no time for the next.
        BackendError, CheckpointError, ConfigError, DataError: those of `resnoise.evaluate`.
    """
    numbered = enumerate(cells, start=1)
    pieces = [_Piece(cell, f"{number} of {len(cells)}") for number, cell in numbered]
    if options.executor.isolated:
        evaluate = partial(_evaluate, plan, options)
        options.executor.run_each(evaluate, pieces, announce, "evaluated", store.add)
        # They came in the order in which the jobs ended.
        store.put_last(key for cell in cells for key in plan.keys(cell))
        return
    # On another number of threads a convolution may round otherwise.
    jobs = options.jobs if torch.get_num_threads() == 1 else 1
    at_once = _AT_ONCE * jobs if jobs > 1 else 1
    simulate = partial(_simulate, plan, options)
    try:
        longest = 0.0
        for start in range(0, len(cells), at_once):
            began = time.monotonic()
            if options.execution.deadline is not None:
                done = f"{start} of {len(cells)} networks that were left are evaluated"
                options.execution.deadline.require(longest, done)
            part = pieces[start : start + at_once]
            outcomes = run_each(simulate, part, jobs, announce, "simulated")
            progress = silent
            if len(part) > 1:
                progress = announce(f"{len(part)} networks are timed, one at a time")
            for count, (piece, outcome) in enumerate(zip(part, outcomes, strict=True), start=1):
                subject = _subject(plan, options, piece.cell)
                costs = measure_costs(subject, piece.cell.training.timesteps)
                store.add(records_of(outcome, costs))
                progress(count, len(part), str(piece))
            longest = max(longest, time.monotonic() - began)
    finally:
        _images.cache_clear()


def _evaluate(
    plan: Plan, options: RunOptions, piece: _Piece, progress: Progress = silent
) -> list[Record]:
    """Outcomes and costs, on a machine where nothing else runs."""
    outcomes = _simulate(plan, options, piece, progress)
    subject = _subject(plan, options, piece.cell)
    return records_of(outcomes, measure_costs(subject, piece.cell.training.timesteps))


class _Piece(NamedTuple):
    """The evaluation of a cell."""

    cell: Cell
    place: str

    def __str__(self) -> str:
        cell = self.cell
        return (
            f"evaluation {self.place}: {cell.training.name} as {cell.method} on {cell.backend}, "
            f"{cell.architecture}, seed {cell.seed}"
        )


def _simulate(
    plan: Plan, options: RunOptions, piece: _Piece, progress: Progress = silent
) -> list[Outcome]:
    subject = _subject(plan, options, piece.cell)
    return simulate_test_images(subject, piece.cell.training.timesteps, progress)


def _subject(plan: Plan, options: RunOptions, cell: Cell) -> Subject:
    job = plan.job(cell, _images(plan.data, cell.seed))
    path = run_directory(options.runs, job) / "best.json"
    longest = max(cell.training.timesteps)
    return Subject(job, path, cell.backend, longest, options.execution)


@lru_cache(maxsize=1)
def _images(data: DataOptions, seed: int) -> ImageData:
    """Test images are the same whatever a recipe does to training images."""
    return load(data, seed=seed)
