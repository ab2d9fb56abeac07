"""A line chart as SVG that takes its colours from the page it stands in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from benchmarks.curves.published import Point

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 48, 14, 14, 44
MOST_DAYS, DAY_WIDTH = 6, 32


class Line(NamedTuple):
    """One curve.

    Attributes:
        name: as in the legend.
        points: one a commit.
        colour: number of a colour of the style.
        rings: drawn as rings alone, so that a line under them can be seen.
    """

    name: str
    points: Sequence[Point]
    colour: int
    rings: bool = False


def chart(lines: Sequence[Line], title: str, unit: str) -> Markup:
    """Curves over the commits of a project, each point with its value and commit on hover."""
    points = [point for line in lines for point in line.points]
    if not points:
        return Markup("")
    steps = _ticks([point.value for point in points])
    first, last = (f(point.revision for point in points) for f in (min, max))

    def x(revision: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (revision - first) / max(last - first, 1)

    def y(value: float) -> float:
        share = (value - steps[0]) / (steps[-1] - steps[0])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"'
    parts = [f'<svg class="chart" {box}>']
    for value in steps:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}"/><text class="y" x="{LEFT - 6}" y="{y(value) + 4:.1f}">'
            f"{value:g}</text>"
        )
    for revision, day in _days(points):
        at = min(x(revision), WIDTH - RIGHT - DAY_WIDTH)
        parts.append(f'<text class="x" x="{at:.1f}" y="{HEIGHT - 22}">{day[5:]}</text>')
    parts.append(f'<text class="axis" x="{LEFT}" y="{HEIGHT - 4}">commits, by day</text>')
    for line in lines:
        style = f"c{line.colour}{' ring' if line.rings else ''}"
        if not line.rings:
            path = " ".join(f"{x(p.revision):.1f},{y(p.value):.1f}" for p in line.points)
            parts.append(f'<polyline class="{style}" points="{path}"/>')
        for point in line.points:
            told = f"{line.name}: {point.value:.4g} {unit}, {point.commit[:8]}, {point.day}"
            parts.append(
                f'<circle class="{style}" cx="{x(point.revision):.1f}" cy="{y(point.value):.1f}" '
                f'r="{5 if line.rings else 2.5}"><title>{escape(told)}</title></circle>'
            )
    return Markup("".join([*parts, "</svg>"]))


def _ticks(values: Sequence[float]) -> list[float]:
    """Round values from below the smallest to above the largest, about five of them.

    Examples:
        >>> _ticks([91.2, 96.7])
        [90.0, 92.0, 94.0, 96.0, 98.0]
    """
    low, high = min(values), max(values)
    span = high - low or abs(high) or 1.0
    size = 10.0 ** math.floor(math.log10(span))
    step = next(size * factor for factor in (0.2, 0.5, 1, 2) if span / (size * factor) <= 5)
    start, stop = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [round(step * count, 10) for count in range(start, stop + 1)]


def _days(points: Sequence[Point]) -> list[tuple[int, str]]:
    """The first commit of each day, at most so many of them and none too near to another."""
    firsts: dict[str, int] = {}
    for point in sorted(points):
        firsts.setdefault(point.day, point.revision)
    span = max(firsts.values()) - min(firsts.values()) or 1
    chosen: list[tuple[int, str]] = []
    for day, revision in firsts.items():
        if not chosen or revision - chosen[-1][0] >= span / MOST_DAYS:
            chosen.append((revision, day))
    return chosen
