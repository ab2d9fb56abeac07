"""Whether a comparison holds: its files, and one of its rows evaluated anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from resnoise.config.execution import ExecutionConfig
from resnoise.datasets import DataOptions
from resnoise.errors import RecordError, ResnoiseError
from resnoise.evaluation.outcomes import simulate_test_images
from resnoise.evaluation.subject import Subject
from resnoise.index.file_checks import Weights, by_network, file_problems, spoken_row, weights_in
from resnoise.records.packing import unpack_correct
from resnoise.records.record import Record
from resnoise.report.comparisons import ComparisonFolder, comparison_of
from resnoise.training.loading import job_of
from resnoise.utils.progress import Announce, silence

ROUNDING = 1e-3
"""Share of the test images that another processor may decide otherwise, which rounds otherwise."""


class RowChoice(NamedTuple):
    """Which row is evaluated anew: the cheapest that fits; None fits all."""

    method: str | None = None
    levels: int | None = None
    backend: str | None = None
    timesteps: int | None = None
    seed: int | None = None

    def fits(self, record: Record) -> bool:
        """Whether a record is of such a row."""
        wanted = self._asdict().items()
        return all(value in (None, getattr(record, name)) for name, value in wanted)

    def __str__(self) -> str:
        wanted = {name: value for name, value in self._asdict().items() if value is not None}
        return ", ".join(f"{name} {value}" for name, value in wanted.items()) or "any row"


@dataclass
class Verification:
    """What was found.

    Attributes:
        done: what was checked, one line each.
        problems: what is wrong, one line each.
    """

    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def verify_all(
    directory: Path,
    checkpoints: Path | None,
    data: DataOptions,
    choice: RowChoice | None = RowChoice(),  # noqa: B008 - it is immutable
    announce: Announce = silence,
) -> Verification:
    """Verify a comparison, or every comparison in a folder.

    Args:
        directory: with `records.json`, or with folders that have one.
        checkpoints: folder with checkpoints; default is `checkpoints` beside the folder of tables.
        data: where data sets are.
        choice: which row of each comparison is evaluated anew; None evaluates none.
        announce: told of every evaluation.

    Raises:
        RecordError: there is no comparison at all.
    """
    alone = (directory / "records.json").exists()
    folders = [directory] if alone else [p.parent for p in sorted(directory.glob("*/records.json"))]
    if not folders:
        raise RecordError(
            f"expected a folder with records.json, or of such folders, but got {directory}"
        )
    weights = weights_in(checkpoints or folders[0].resolve().parents[1] / "checkpoints")
    found = Verification(problems=list(weights.problems))
    for folder in folders:
        try:
            comparison = comparison_of(folder)
        except ResnoiseError as error:
            found.problems.append(str(error))
            continue
        _verify_(found, comparison, weights, data, choice, announce)
    return found


def _verify_(
    found: Verification,
    comparison: ComparisonFolder,
    weights: Weights,
    data: DataOptions,
    choice: RowChoice | None,
    announce: Announce,
) -> None:
    """Add to `found` what is to be said of one comparison."""
    name, records = comparison.name, comparison.store.load()
    problems = list(file_problems(comparison, weights))
    networks = by_network(records)
    known = sum(sha256 in weights.paths for sha256 in networks)
    found.done.append(
        f"{name}: {len(records)} records of {len(networks)} networks, weights of {known} at hand"
    )
    if choice is not None:
        try:
            record = _chosen(records, weights, choice)
            difference = _evaluated_anew(record, weights, data, announce)
        except ResnoiseError as error:
            problems.append(str(error))
        else:
            line = f"{spoken_row(record)}: {difference.of(record)}"
            if difference.images > ROUNDING * record.n_test:
                problems.append(line)
            else:
                found.done.append(f"{name}: {line}")
    found.problems += [f"{name}: {problem}" for problem in problems]


def _chosen(records: Sequence[Record], weights: Weights, choice: RowChoice) -> Record:
    fitting = [record for record in records if choice.fits(record)]
    if not fitting:
        raise RecordError(f"no row of {choice} to evaluate anew; name another")
    at_hand = [record for record in fitting if record.checkpoint_sha256 in weights.paths]
    if not at_hand:
        raise RecordError(
            f"no row was evaluated anew: {weights.folder} has no weights of {choice}; name the "
            "folder by `checkpoints`, or do not ask to `evaluate`"
        )
    return min(at_hand, key=lambda record: record.total_steps)


class _Difference(NamedTuple):
    images: int
    accuracy: float

    def of(self, record: Record) -> str:
        if not self.images:
            return f"all {record.n_test:,} images as recorded"
        return (
            f"{self.images:,} of {record.n_test:,} images are not as recorded, accuracy "
            f"{self.accuracy:.4f} in place of {record.accuracy:.4f}"
        )


def _evaluated_anew(
    record: Record, weights: Weights, data: DataOptions, announce: Announce
) -> _Difference:
    job = job_of(weights.paths[record.checkpoint_sha256], data, record.method)
    if job.data.sha256 != record.data_sha256:
        raise RecordError(
            f"the images of {record.dataset} here are not those of the records: their SHA-256 is "
            f"{job.data.sha256}, not {record.data_sha256}"
        )
    path, steps = weights.paths[record.checkpoint_sha256], record.timesteps
    subject = Subject(job, path, record.backend, steps, ExecutionConfig())
    progress = announce(f"evaluate {spoken_row(record)}")
    (outcome,) = simulate_test_images(subject, (steps,), progress)
    if outcome["test_ids"] != record.test_ids:
        raise RecordError("the test images here are not those of the record; see its seed")
    now = unpack_correct(outcome["correct"], record.n_test)
    return _Difference(int(np.sum(now != record.correct_array())), outcome["accuracy"])
