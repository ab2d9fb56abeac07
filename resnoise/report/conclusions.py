"""What to conclude from a comparison, in a few plain lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import pandas as pd

from resnoise.analysis.rows import Row, row_of
from resnoise.analysis.significance import Reference, RowTest
from resnoise.report.divisions import break_even
from resnoise.report.table import percent
from resnoise.utils.text import spoken

_MOST_ROWS = 4
"""That are named in a sentence."""


class _Point(NamedTuple):
    """A row of the comparison at one T; what is unknown is not a number."""

    name: str
    division: str
    timesteps: int
    accuracy: float
    loss: float


def conclusions(
    frame: pd.DataFrame, row_tests: Sequence[RowTest], reference: Reference
) -> list[str]:
    """What a section of a report says, each conclusion a line.

    Of several backends that of the first row is meant; what cannot be said is left out. Where there
    are plain and open rows, what is best is told of each division by itself.

    Args:
        frame: one section of `comparison_frame`.
        row_tests: its tests.
        reference: what its rows are tested against.

    Returns:
        What conversion loses, which method of each division is best, which differences are
        significant, and from which T on spikes cost more than the source network: at most five.
    """
    backend = frame["backend"].iloc[0]
    lines = [line for _, line in frame.iterrows() if line.backend == backend]
    several = len({row.levels for row in map(row_of, lines) if row.levels}) > 1

    def name(row: Row) -> str:
        return row.label_with_levels if several else row.label

    points = [
        _Point(
            name=name(row_of(line)),
            division=line.division,
            timesteps=line.timesteps,
            accuracy=line.accuracy,
            loss=line.ann_accuracy - line.accuracy,
        )
        for line in lines
    ]
    tests = [
        (name(test.other), test)
        for test in row_tests
        if test.equal_timesteps and backend in test.backends
    ]
    first = [p for p in points if p.division == points[0].division]
    return [
        *_sentence(f"Points of accuracy that conversion loses{_of(first, points)}", _losses(first)),
        *_best_of_each(points),
        *_significance(tests, reference),
        *break_even(frame),
    ]


def _of(some: Sequence[_Point], all_: Sequence[_Point]) -> str:
    """The division that some rows are of, where there is another."""
    return f", {some[0].division}" if len(some) < len(all_) else ""


def _sentence(what: str, found: str) -> Iterator[str]:
    if found:
        yield f"{what}: {found}."


def _best_of_each(points: Sequence[_Point]) -> Iterator[str]:
    for division in dict.fromkeys(p.division for p in points):
        some = [p for p in points if p.division == division]
        yield from _sentence(f"Most accurate{_of(some, points)}", _best(some))


def _losses(points: Sequence[_Point]) -> str:
    known = sorted((p for p in points if p.loss == p.loss), key=lambda p: (p.timesteps, p.loss))
    if not known:
        return ""
    at = []
    for timesteps in dict.fromkeys((known[0].timesteps, known[-1].timesteps)):
        rows = [p for p in known if p.timesteps == timesteps]
        least, most = rows[0], rows[-1]
        low, high = (percent(p.loss).replace("-", "−") for p in (least, most))
        ends = f"{low} ({least.name}) to {high} ({most.name})"
        at.append(f"{low if low == high else ends} at T = {timesteps}")
    return "; ".join(at)


def _best(points: Sequence[_Point]) -> str:
    best = []
    for timesteps in sorted({p.timesteps for p in points}):
        names, accuracy = _leaders([p for p in points if p.timesteps == timesteps])
        best.append((names, timesteps, accuracy))
    parts = []
    for names, group in groupby(best, key=lambda one: one[0]):
        _, steps, accuracies = zip(*group, strict=True)
        shown = spoken(map(percent, accuracies))
        parts.append(f"{names} at T = {spoken(steps)} ({shown} %)")
    return "; ".join(parts)


def _significance(tests: Sequence[tuple[str, RowTest]], reference: Reference) -> Iterator[str]:
    if not tests:
        return
    parts = []
    # A test says what the reference is, worse or better than the other row.
    for verdict, words in (("worse", "better than"), ("better", "worse than")):
        steps: dict[str, list[int]] = {}
        for name, test in tests:
            if test.verdict == verdict:
                steps.setdefault(name, []).append(test.timesteps)
        if steps:
            parts.append(f"significantly {words} {reference}: {_at_steps(steps)}")
    text = "; ".join(parts) or f"No method differs significantly from {reference}"
    yield f"{text[0].upper()}{text[1:]}."


def _at_steps(steps: dict[str, list[int]]) -> str:
    """`srp at T = 1 and 2, cos at T = 1`, or how many rows at each T where there are many."""
    if len(steps) <= _MOST_ROWS:
        return ", ".join(f"{name} at T = {spoken(sorted(at))}" for name, at in steps.items())
    counts = Counter(timesteps for at in steps.values() for timesteps in at)
    return ", ".join(f"{count} rows at T = {at}" for at, count in sorted(counts.items()))


def _leaders(points: Sequence[_Point]) -> tuple[str, float]:
    """The names of those that are most accurate, and how accurate that is."""
    best = max(p.accuracy for p in points)
    return spoken(dict.fromkeys(p.name for p in points if p.accuracy == best)), best
