"""What can be said of a comparison from its files: schema, digests, paths, declarations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from resnoise import methods
from resnoise.analysis.rows import Row, comparison_frame, group_records, with_levels
from resnoise.config.nested import differences
from resnoise.config.requirements import Requirements
from resnoise.errors import CheckpointError, ConfigError, RecordError
from resnoise.records.record import Record
from resnoise.records.store import read_training
from resnoise.report.comparisons import ComparisonFolder
from resnoise.report.csv import csv_text
from resnoise.training import checkpoint
from resnoise.utils.text import one_line

TABLE = "comparison.csv"
_RELATIVE = 1e-9  # of figures in the table, whose last bits are those of the processor


class Weights(NamedTuple):
    """The checkpoints at hand.

    Attributes:
        folder: where they were looked for.
        paths: of each `best.json`, by the SHA-256 of its weights.
        problems: one line for each that is damaged.
    """

    folder: Path
    paths: Mapping[str, Path]
    problems: list[str]


def weights_in(folder: Path) -> Weights:
    """The checkpoints below a folder, whose weights are held against their hash."""
    paths, problems = {}, []
    for path in sorted(folder.glob("**/best.json")):
        try:
            info, _ = checkpoint.read(path)
        except CheckpointError as error:
            problems.append(str(error))
        else:
            paths[info.sha256] = path
    return Weights(folder, paths, problems)


def file_problems(comparison: ComparisonFolder, weights: Weights) -> Iterator[str]:
    """One line for everything that is wrong with the files of a comparison.

    Its records were read already, so their schema and their digest are right.
    """
    records = comparison.store.load()
    yield from _trainings(comparison.store.directory, records)
    yield from _table(comparison, records)
    yield from _code(records)
    yield from _declarations(records)
    for sha256, of_network in by_network(records).items():
        if path := weights.paths.get(sha256):
            yield from _checkpoint(path, of_network)


def by_network(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by the SHA-256 of the weights that they are of."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.checkpoint_sha256, []).append(record)
    return found


def _trainings(folder: Path, records: Iterable[Record]) -> Iterator[str]:
    known = {(r.training, r.dataset, r.architecture, r.seed) for r in records}
    for path in sorted((folder / "trainings").glob("*.json")):
        try:
            training = read_training(path)
        except RecordError as error:
            yield str(error)
            continue
        its = (training.training, training.dataset, training.architecture, training.seed)
        if its not in known:
            yield f"{path} is of {', '.join(map(str, its))}, which no record is of"


def _table(comparison: ComparisonFolder, records: Sequence[Record]) -> Iterator[str]:
    """Whether the table has the rows of the records, and their figures."""
    path = comparison.store.directory / TABLE
    way_out = "`resnoise report` writes it again"
    try:
        written = pd.read_csv(path)
    except (OSError, ValueError) as error:
        yield f"cannot read {path} ({one_line(str(error))}); {way_out}"
        return
    frame = comparison_frame(group_records(records, comparison.reference.method))
    made = pd.read_csv(StringIO(csv_text(frame)))  # as it is in a file
    if missing := [name for name in made if name not in written]:
        yield f"{path} has no column {missing[0]}; {way_out}"
        return
    rows, expected = (_by_row(lines[list(made)]) for lines in (written, made))
    for row in [*expected, *(row for row in rows if row not in expected)]:
        if row not in rows or row not in expected:
            where = _ONE_SIDE[row in rows]
            yield f"{path}: row {', '.join(filter(None, row))} is {where}; {way_out}"
            return
        for name, value in expected[row].items():
            if not _equal(rows[row][name], value):
                yield (
                    f"{path}: {name} of {', '.join(filter(None, row))} is {rows[row][name]}, but "
                    f"{value} in the records; {way_out}"
                )
                return


_ONE_SIDE = {True: "of no record", False: "not in it, but in the records"}


def _by_row(frame: pd.DataFrame) -> dict[tuple[str, ...], pd.Series]:
    names = [*Row._fields, "timesteps"]
    return {
        tuple("" if pd.isna(value) else str(value) for value in line[names]): line
        for _, line in frame.iterrows()
    }


def _equal(one: object, other: object) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=_RELATIVE)


def _code(records: Iterable[Record]) -> Iterator[str]:
    unknown = sum(not record.git_commit for record in records)
    dirty = sum(record.git_dirty for record in records)
    if unknown:
        yield f"{unknown} records do not name the commit that made them; evaluate in a checkout"
    if dirty:
        yield f"{dirty} records were made with changes that are in no commit; commit, and evaluate"


def _declarations(records: Iterable[Record]) -> Iterator[str]:
    """Whether the division follows from what the installed method asks for."""
    for name, record in {record.method: record for record in records}.items():
        try:
            asked = methods.get(name).requirements
        except ConfigError:
            yield f"method {name} is not installed, so nobody can evaluate its rows; install it"
            continue
        # Records say how much state a network has in all, not a neuron.
        declared = replace(asked, state_values=Requirements().state_values)
        if declared != record.requirements:
            yield (
                f"records of {name} are {record.division} with {record.requirements}, but the "
                f"installed method is {declared.division} with {declared}; evaluate them anew"
            )


def _checkpoint(path: Path, records: Sequence[Record]) -> Iterator[str]:
    """Whether a checkpoint, whose weights have their hash, is of the training in its records."""
    info, record = checkpoint.read_info(path), records[0]
    facts = {
        "training": (record.training, info.job.training),
        "data set": (record.dataset, info.job.dataset),
        "architecture": (record.architecture, info.job.architecture),
        "seed": (record.seed, info.job.seed),
        "best epoch": (record.best_epoch, info.epoch),
        "epochs": (record.epochs, len(info.history)),
        "validation accuracy": (record.validation_accuracy, info.validation_accuracy),
    }
    if info.job.data_sha256:
        facts["data, SHA-256,"] = (record.data_sha256, info.job.data_sha256)
    for name, (recorded, found) in facts.items():
        if recorded != found:
            yield f"{path}: {name} is {found}, but {recorded} in its records"
    if changed := differences(record.recipe, info.job.recipe):
        name, (recorded, found) = next(iter(changed.items()))
        yield f"{path}: {name} is {found}, but {recorded} in its records"


def spoken_row(record: Record) -> str:
    """A row and its seed in words."""
    name = with_levels(record.method, record.levels)
    return f"{name} on {record.backend}, T = {record.timesteps}, seed {record.seed}"
