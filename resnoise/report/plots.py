"""Figures of accuracy against time steps and energy, with a panel for the crowded range."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from resnoise.report.canvas import Heading, logarithmic, new_figure
from resnoise.report.curves import Curve, crowded, curves, names
from resnoise.report.looks import Looks
from resnoise.report.svg import QUIET, Drawing, Value
from resnoise.report.table import percent, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

HEIGHT = 3.6
MOST_BANDS = 8
"""Curves that are drawn with their intervals; of more the intervals are told where one points."""


class _Axis(NamedTuple):
    """What a figure is against: words, unit, and by what the column is multiplied for it."""

    title: str
    unit: str
    scale: float


_AXES = {
    "timesteps": _Axis("time steps T", "", 1),
    "total_steps": _Axis("total steps τ + T", "", 1),
    "energy_nj": _Axis("energy", " (μJ an image, estimated from counts)", 1e-3),
}
# Of the source networks of one training, by their L.
_SOURCE_STYLES = (
    {"linestyle": (0, (1, 2)), "fillstyle": "full"},
    {"linestyle": (0, (5, 3)), "fillstyle": "none"},
    {"linestyle": (0, (5, 2, 1, 2)), "fillstyle": "left"},
)


def accuracy_figure(
    frame: pd.DataFrame, sources: pd.DataFrame, by: str, looks: Looks, heading: Heading
) -> Drawing:
    """Accuracy with its Wilson interval against a column of the comparison, one curve per row.

    Args:
        frame: one section of `comparison_frame`.
        sources: its `source_networks`: a level line each, or a star where its energy is.
        by: `"timesteps"`, `"total_steps"` or `"energy_nj"`.
        looks: colour and marker of each method and of each training of `sources`.
        heading: what stands above.
    """
    drawn, lines = curves(frame, by), list(_sources(sources, by, looks))
    height = HEIGHT + 0.08 * max(0, len(drawn) - MOST_BANDS)
    figure = new_figure(heading, height, list(_legend(drawn, lines, by, looks)))
    range_ = crowded(frame)
    panels = figure.subplots(1, 2 if len(range_) else 1, squeeze=False)[0]
    values: list[Value] = []
    for axes, shown in zip(panels, (frame, range_), strict=False):
        _draw(axes, drawn, lines, by, looks)
        if by == "energy_nj":
            _draw_passes(axes, frame)
        values += _values(axes, drawn, lines, by)
        axes.set_xlabel(_AXES[by].title + _AXES[by].unit)
        if shown is range_:
            axes.set_title(f"from T = {range_['timesteps'].min()} on")
            _limit(axes, shown, by)
        elif by == "energy_nj" and drawn:
            _time_steps_above(axes, drawn[0])
    panels[0].set_ylabel("accuracy (%)")
    return Drawing(figure, values)


class _Source(NamedTuple):
    """A source network as it is drawn: a star where its energy is, or a level line."""

    name: str
    look: dict[str, object]
    accuracy: float
    energy: float


def _sources(sources: pd.DataFrame, by: str, looks: Looks) -> Iterator[_Source]:
    sources = sources.assign(name="ANN of " + names(sources.assign(label=sources["training"])))
    for training, lines in sources.groupby("training", sort=False):
        for line, style in zip(lines.itertuples(), cycle(_SOURCE_STYLES), strict=False):
            look = {"color": looks[training]["color"], "label": line.name}
            if by != "energy_nj":
                look |= {"linestyle": style["linestyle"], "linewidth": 1.1}
            elif pd.isna(line.ann_energy_nj):
                continue
            else:
                look |= {"linestyle": "", "fillstyle": style["fillstyle"], **_STAR}
            yield _Source(line.name, look, 100 * line.ann_accuracy, 1e-3 * line.ann_energy_nj)


_STAR = {"marker": "*", "markersize": 10}
_PASS = {"color": QUIET, "linestyle": (0, (1, 1.5)), "linewidth": 1.3}


def _legend(drawn: list[Curve], lines: list[_Source], by: str, looks: Looks) -> Iterator[Line2D]:
    from matplotlib.lines import Line2D

    for curve in drawn:
        yield Line2D([], [], label=curve.name, **looks[curve.method], **curve.style)
    for line in lines:
        yield Line2D([], [], **line.look)
    if by == "energy_nj" and lines:
        yield Line2D([], [], label="one pass of the ANN", **_PASS)


def _draw(axes: Axes, drawn: list[Curve], lines: list[_Source], by: str, looks: Looks) -> None:
    scale = _AXES[by].scale
    for line in lines:
        if by == "energy_nj":
            axes.plot([line.energy], [line.accuracy], **line.look)
        else:
            axes.axhline(line.accuracy, **line.look)
    for curve in drawn:
        look, points = looks[curve.method], curve.points
        x = scale * points[by]
        axes.plot(x, 100 * points["accuracy"], label=curve.name, **look, **curve.style)
        if by != "energy_nj" and len(drawn) <= MOST_BANDS:
            low, high = (100 * points[f"accuracy_{end}"] for end in ("low", "high"))
            axes.fill_between(x, low, high, color=look["color"], alpha=0.14, linewidth=0)
    if by == "energy_nj":
        logarithmic(axes, base=10, subs=(1, 2, 5))
    else:
        logarithmic(axes, base=2, subs=(1,))


def _draw_passes(axes: Axes, frame: pd.DataFrame) -> None:
    """A line where one pass of the network without spikes is; one is enough where all agree."""
    for energy in frame["ann_energy_nj"].dropna().unique():
        axes.axvline(1e-3 * energy, zorder=1, **_PASS)


def _values(axes: Axes, drawn: list[Curve], lines: list[_Source], by: str) -> Iterator[Value]:
    scale = _AXES[by].scale
    for line in lines:
        if by == "energy_nj":
            text = f"{line.name}: {line.accuracy:.1f} %, {significant(line.energy)} μJ"
            yield Value(axes, line.energy, line.accuracy, text)
    for curve in drawn:
        for point in curve.points.itertuples():
            low, high = percent(point.accuracy_low), percent(point.accuracy_high)
            tau = f"{point.presimulation_steps} + " if point.presimulation_steps else ""
            text = f"{curve.name}, T = {tau}{point.timesteps}: {percent(point.accuracy)} %"
            text += f" ({low} to {high})"
            if by == "energy_nj":
                text += f", {significant(scale * point.energy_nj)} μJ"
            yield Value(axes, scale * getattr(point, by), 100 * point.accuracy, text)


def _limit(axes: Axes, shown: pd.DataFrame, by: str) -> None:
    """To the points of a part of the comparison, with a little room."""
    x = _AXES[by].scale * shown[by].dropna()
    low, high = 100 * shown["accuracy_low"].min(), 100 * shown["accuracy_high"].max()
    room = 0.04 * (high - low)
    axes.set(xlim=(x.min() / 1.08, x.max() * 1.08), ylim=(low - room, high + room))


def _time_steps_above(axes: Axes, curve: Curve) -> None:
    """The T of the points of the first curve on an axis above, where they cover nothing."""
    above = axes.secondary_xaxis("top")
    known = curve.points.dropna(subset="energy_nj")
    above.set_xticks(1e-3 * known["energy_nj"], [f"{t}" for t in known["timesteps"]])
    above.minorticks_off()
    above.set_xlabel(f"T of {curve.name}", size=8.5)
    above.tick_params(labelsize=8.5)
