"""What another recipe, or another commit, does to the methods of a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from resnoise.analysis.rows import (
    Groups,
    Row,
    by_section,
    group_records,
    pooled_correct,
    with_levels,
    with_training,
)
from resnoise.analysis.significance import Pairing, RowTest, hold_row_tests
from resnoise.config.nested import differences
from resnoise.errors import RecordError
from resnoise.records.provenance import commits
from resnoise.records.record import Record
from resnoise.records.store import RecordStore
from resnoise.report.markup import markdown_list, markdown_table
from resnoise.report.paired_test_tables import outcome_columns, outcome_notes, outcomes
from resnoise.report.provenance_tables import trained_on
from resnoise.report.table import Table, cells, percent
from resnoise.studies.study import write_study


def contrast(before: Path, after: Path, out: Path) -> list[Path]:
    """Write `contrast.md`, and `contrast.csv` with a line for each row and T.

    Args:
        before: folder of the comparison that the other one is held against.
        after: folder of the other one.
        out: folder of the tables.

    Returns:
        Paths of both.

    Raises:
        RecordError: a folder has no records, or they are not valid, or the two share nothing.
        StorageError: `out` cannot be written to.
    """
    folders = (before, after)
    names = [folder.name if before.name != after.name else str(folder) for folder in folders]
    ours, theirs = (by_section(RecordStore(folder).require()) for folder in folders)
    places = [place for place in ours if place in theirs]
    if not places:
        raise RecordError(
            f"expected comparisons that share a data set and architecture, but {before} is of "
            f"{_spoken(ours)} and {after} of {_spoken(theirs)}"
        )
    contrasts = [
        make_contrast(Side(names[0], ours[place]), Side(names[1], theirs[place]))
        for place in places
    ]
    page = "\n".join(map(contrast_page, contrasts))
    frame = pd.concat([contrast.frame for contrast in contrasts])
    return write_study(out, "contrast", page, frame)


def _spoken(places: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{dataset} with {architecture}" for dataset, architecture in places)


class Side(NamedTuple):
    """One of two comparisons: its name and its records."""

    name: str
    records: Sequence[Record]


@dataclass(frozen=True)
class Contrast:
    """What two comparisons make of the rows that both have, for one data set and architecture.

    Attributes:
        before: the comparison that the other one is held against.
        after: the other one.
        row_tests: a paired test a row and T, `after` first, corrected together.
        frame: one line per test, in full precision, accuracies as fractions.
        remarks: how the two were made, and what could not be tested.
    """

    before: Side
    after: Side
    row_tests: list[RowTest]
    frame: pd.DataFrame
    remarks: list[str]


def make_contrast(before: Side, after: Side) -> Contrast:
    """Test every row and T that two comparisons share.

    Args:
        before: records of one data set and architecture.
        after: the same of the other comparison.

    Raises:
        RecordError: there is no row and T that both have on the same test images.
    """
    ours, theirs = (group_records(side.records, "") for side in (after, before))
    pairings = dict(_shared(ours, theirs))
    row_tests, refusals = hold_row_tests(pairings.values())
    if not row_tests:
        raise RecordError(
            f"expected {before.name} and {after.name} to share a method, L, backend and T, tested "
            f"on the same images, but they share none. {' '.join(refusals)}".rstrip()
        )
    return Contrast(
        before,
        after,
        row_tests,
        pd.DataFrame(
            [
                _line(row_test, pairings[row_test.reference, row_test.timesteps], before, after)
                for row_test in row_tests
            ]
        ).astype({"levels": "Int64"}),
        [
            *_recipes(pairings.values()),
            *_origins(before, after, pairings.values()),
            *_alone(before, after, theirs, ours),
            *refusals,
        ],
    )


def contrast_page(contrast: Contrast) -> str:
    """The contrast as Markdown: how the two were made, and a table, one row per method and T."""
    before, after = contrast.before.name, contrast.after.name
    facts = contrast.row_tests[0].reference
    lines = contrast.frame.itertuples()
    table = Table(
        name="contrast",
        title=f"{after} against {before}, {facts.dataset}, {facts.architecture}: test accuracy (%)",
        columns=(
            "method",
            "backends",
            f"{after} is",
            "L",
            "T",
            before,
            after,
            *outcome_columns(contrast.row_tests, after, before),
        ),
        rows=[
            cells(
                row_test.reference.label,
                ", ".join(row_test.backends),
                row_test.verdict,
                line.levels,
                line.timesteps,
                percent(line.before),
                percent(line.after),
                *outcome,
            )
            for line, row_test, outcome in zip(
                lines, contrast.row_tests, outcomes(contrast.row_tests), strict=True
            )
        ],
        labels=3,
        notes=outcome_notes(contrast.row_tests),
    )
    return f"{markdown_table(table, heading='#')}\n{markdown_list(contrast.remarks)}"


def _shared(ours: Groups, theirs: Groups) -> Iterator[tuple[tuple[Row, int], Pairing]]:
    """What both sides have, by row and T, with the records of the seeds that both have."""
    for row, by_timesteps in ours.items():
        for timesteps, records in by_timesteps.items():
            others = theirs.get(row, {}).get(timesteps, [])
            seeds = {record.seed for record in records} & {record.seed for record in others}
            if seeds:
                sides = ([r for r in side if r.seed in seeds] for side in (records, others))
                yield (row, timesteps), Pairing(row, row, *sides)


def _line(row_test: RowTest, pairing: Pairing, before: Side, after: Side) -> dict[str, object]:
    low, high = row_test.over_seeds or (None, None)
    return {
        **pairing.reference._replace(backend=", ".join(row_test.backends))._asdict(),
        "timesteps": row_test.timesteps,
        "before_comparison": before.name,
        "after_comparison": after.name,
        "before": pooled_correct(pairing.theirs)[0],
        "after": pooled_correct(pairing.ours)[0],
        "pairs": row_test.result.pairs,
        "difference": row_test.result.difference,
        "seeds_low": low,
        "seeds_high": high,
        "p": row_test.result.p,
        "p_holm": row_test.p_holm,
        "after_is": row_test.verdict,
    }


def _recipes(pairings: Iterable[Pairing]) -> Iterator[str]:
    """What differs between the recipes of each two networks that were tested."""
    rows: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for pairing in pairings:
        row = pairing.reference
        for before, after in zip(pairing.theirs, pairing.ours, strict=True):
            network = with_levels(with_training(row.method, after.training), row.levels)
            rows[with_levels(row.label, row.levels)][_changed(before, after)][network] = None
    changes: dict[str, list[str]] = defaultdict(list)
    for label, found in rows.items():
        for changed, networks in found.items():
            changes[changed] += [label] if len(found) == 1 else networks
    for changed, labels in changes.items():
        yield f"Recipe of {', '.join(labels)}: {changed}."


def _origins(before: Side, after: Side, pairings: Collection[Pairing]) -> Iterator[str]:
    for side, of in ((before, "theirs"), (after, "ours")):
        tested = [record for pairing in pairings for record in getattr(pairing, of)]
        code = ", ".join(commits(tested))
        yield f"{side.name}: evaluated by {code}; trained on: {trained_on(tested)}."


def _alone(before: Side, after: Side, theirs: Groups, ours: Groups) -> Iterator[str]:
    for side, mine, others in ((before, theirs, ours), (after, ours, theirs)):
        alone = dict.fromkeys(
            f"{with_levels(row.label, row.levels)} on {row.backend}"
            for row in mine
            if row not in others
        )
        if alone:
            yield f"Only {side.name} has {', '.join(alone)}."


def _changed(before: Record, after: Record) -> str:
    changed = differences(before.recipe, after.recipe)
    return "; ".join(f"{n} {was}, then {now}" for n, (was, now) in changed.items()) or "the same"
