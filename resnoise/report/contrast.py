"""Two comparisons beside each other: the same rows by another recipe, or of another commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from resnoise.difference import differences
from resnoise.errors import RecordError
from resnoise.records import Record
from resnoise.report.contests import Contest, Pairing, hold_contests
from resnoise.report.facts import commits
from resnoise.report.groups import (
    Groups,
    Row,
    group_records,
    pooled_correct,
    with_levels,
    with_training,
)
from resnoise.report.paired_tests import outcome_columns, outcome_notes, outcomes
from resnoise.report.render import markdown_list, markdown_table
from resnoise.report.table import Table, cells, percent
from resnoise.report.trainings import trained_on


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
        contests: a paired test a row and T, `after` first, corrected together.
        frame: a line a test, in full precision, accuracies as fractions.
        remarks: how the two were made, and what could not be tested.
    """

    before: Side
    after: Side
    contests: list[Contest]
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
    contests, refusals = hold_contests(pairings.values())
    if not contests:
        raise RecordError(
            f"expected {before.name} and {after.name} to share a method, L, backend and T, tested "
            f"on the same images, but they share none. {' '.join(refusals)}".rstrip()
        )
    return Contrast(
        before,
        after,
        contests,
        pd.DataFrame(
            [
                _line(contest, pairings[contest.reference, contest.timesteps], before, after)
                for contest in contests
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
    """The contrast as Markdown: how the two were made, and a table with a row a method and T."""
    before, after = contrast.before.name, contrast.after.name
    facts = contrast.contests[0].reference
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
            *outcome_columns(contrast.contests, after, before),
        ),
        rows=[
            cells(
                contest.reference.label,
                ", ".join(contest.backends),
                contest.verdict,
                line.levels,
                line.timesteps,
                percent(line.before),
                percent(line.after),
                *outcome,
            )
            for line, contest, outcome in zip(
                lines, contrast.contests, outcomes(contrast.contests), strict=True
            )
        ],
        labels=3,
        notes=outcome_notes(contrast.contests),
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


def _line(contest: Contest, pairing: Pairing, before: Side, after: Side) -> dict[str, object]:
    low, high = contest.over_seeds or (None, None)
    return {
        **pairing.reference._replace(backend=", ".join(contest.backends))._asdict(),
        "timesteps": contest.timesteps,
        "before_comparison": before.name,
        "after_comparison": after.name,
        "before": pooled_correct(pairing.theirs)[0],
        "after": pooled_correct(pairing.ours)[0],
        "pairs": contest.result.pairs,
        "difference": contest.result.difference,
        "seeds_low": low,
        "seeds_high": high,
        "p": contest.result.p,
        "p_holm": contest.p_holm,
        "after_is": contest.verdict,
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
