"""What to conclude from a comparison, in a few plain lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from resnoise.analysis.rows import Row, row_of
from resnoise.analysis.significance import Reference, RowTest
from resnoise.report.divisions import break_even
from resnoise.report.sections import Section
from resnoise.report.table import percent, significant, spoken

CLOSE = 0.01
"""A network is as good as its ANN if its accuracy, a fraction, is no further below."""


class _Point(NamedTuple):
    """A row of the comparison at one T; what is unknown is not a number."""

    name: str
    division: str
    timesteps: int
    total_steps: int
    accuracy: float
    loss: float
    energy: float


def conclusions(section: Section, reference: Reference) -> list[str]:
    """What a section of a report says, each conclusion a line.

    Of several backends that of the first row is meant; what cannot be said is left out. Where there
    are plain and open rows, what is best is told of each division by itself.

    Args:
        section: a data set and architecture of a report.
        reference: what its rows are tested against.

    Returns:
        What conversion loses, which method is best, which differences are significant, what is best
        for a number of steps, what is good at the least energy, and from which T on spikes cost
        more than the source network.
    """
    backend = section.frame["backend"].iloc[0]
    lines = [line for _, line in section.frame.iterrows() if line.backend == backend]
    several = len({row.levels for row in map(row_of, lines) if row.levels}) > 1

    def name(row: Row) -> str:
        return row.label_with_levels if several else row.label

    points = [
        _Point(
            name=name(row_of(line)),
            division=line.division,
            timesteps=line.timesteps,
            total_steps=line.total_steps,
            accuracy=line.accuracy,
            loss=line.ann_accuracy - line.accuracy,
            energy=line.energy_nj / line.ann_energy_nj,
        )
        for line in lines
    ]
    tests = [
        (name(test.other), test)
        for test in section.row_tests
        if test.equal_timesteps and backend in test.backends
    ]
    budgets = max(p.timesteps for p in points), max(p.total_steps for p in points)
    return [
        *_by_division("Points of accuracy that conversion loses", _losses, points),
        *_by_division("Most accurate", _best, points),
        *_significance(tests, reference),
        *_by_division(
            "Best with the steps before T counted", partial(_budgets, budgets=budgets), points
        ),
        *_by_division(
            f"Within {percent(CLOSE, 0)} point of its ANN at the least energy (an estimate)",
            _energy,
            points,
        ),
        *break_even(section.frame),
    ]


def _by_division(
    what: str, of: Callable[[Sequence[_Point]], str], points: Sequence[_Point]
) -> Iterator[str]:
    """One sentence, or one for each division where there are both; none of what is empty."""
    divisions = dict.fromkeys(p.division for p in points)
    for division in divisions:
        if found := of([p for p in points if p.division == division]):
            yield f"{what}{f', {division}' if len(divisions) > 1 else ''}: {found}."


def _losses(points: Sequence[_Point]) -> str:
    known = sorted((p for p in points if p.loss == p.loss), key=lambda p: (p.timesteps, p.loss))
    if not known:
        return ""
    at = []
    for timesteps in dict.fromkeys((known[0].timesteps, known[-1].timesteps)):
        rows = [p for p in known if p.timesteps == timesteps]
        least, most = rows[0], rows[-1]
        ends = [f"{percent(p.loss)} ({p.name})" for p in (least, most)]
        alike = percent(least.loss) == percent(most.loss)
        at.append(f"{percent(least.loss) if alike else ' to '.join(ends)} at T = {timesteps}")
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
            rows = ", ".join(f"{name} at T = {spoken(sorted(at))}" for name, at in steps.items())
            parts.append(f"significantly {words} {reference}: {rows}")
    text = "; ".join(parts) or f"No method differs significantly from {reference}"
    yield f"{text[0].upper()}{text[1:]}."


def _budgets(points: Sequence[_Point], budgets: tuple[int, int]) -> str:
    """The best within the most steps T, and within the most that any row is simulated for."""
    if budgets[0] == budgets[1]:
        return ""
    found: dict[tuple[str, float], int] = {}
    for budget in budgets:
        if affordable := [p for p in points if p.total_steps <= budget]:
            found.setdefault(_leaders(affordable), budget)
    parts = [
        f"{names} ({percent(accuracy)} %) within {budget} steps"
        for (names, accuracy), budget in found.items()
    ]
    return ", ".join(parts)


def _energy(points: Sequence[_Point]) -> str:
    good = [p for p in points if p.loss <= CLOSE and p.energy == p.energy]
    if not good:
        return ""
    least = min(good, key=lambda p: p.energy)
    return f"{least.name} at T = {least.timesteps}, {significant(least.energy, 2)} of the ANN's"


def _leaders(points: Sequence[_Point]) -> tuple[str, float]:
    """The names of those that are most accurate, and how accurate that is."""
    best = max(p.accuracy for p in points)
    return spoken(dict.fromkeys(p.name for p in points if p.accuracy == best)), best
