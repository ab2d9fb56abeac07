"""The figure of latency: milliseconds on one machine, R(T) where there are several."""

from __future__ import annotations

import pandas as pd

from resnoise.report.canvas import Heading, new_figure
from resnoise.report.curves import names
from resnoise.report.looks import backend_looks
from resnoise.report.svg import QUIET, Drawing, Value
from resnoise.report.table import significant

_ROW = 0.23
"""Inches of a row."""


def shared_timesteps(frame: pd.DataFrame) -> int | None:
    """The largest T that every row has on each of its backends, if there is one."""
    rows = frame.assign(name=names(frame)).groupby(["name", "backend"])["timesteps"]
    shared = set.intersection(*(set(group) for _, group in rows))
    return max(shared, default=None)


def latency_figure(frame: pd.DataFrame, relative: bool, heading: Heading) -> Drawing:
    """Latency of an image by row and backend: a line for each row, a marker for each backend.

    At `shared_timesteps`, or each row at its own largest T if none is shared.

    Args:
        frame: one section of `comparison_frame`.
        relative: R(T) in place of milliseconds with their interquartile range.
        heading: what stands above.
    """
    from matplotlib.lines import Line2D

    column = "overhead_ratio" if relative else "latency_ms_per_image"
    frame = frame.assign(name=names(frame)).dropna(subset=column)
    timesteps = shared_timesteps(frame)
    chosen = frame if timesteps is None else frame[frame["timesteps"] == timesteps]
    chosen = chosen.sort_values("timesteps").groupby(["name", "backend"], sort=False).tail(1)
    rows, looks = list(frame["name"].unique()), backend_looks(frame["backend"])
    legend = [
        Line2D([], [], linestyle="", markeredgewidth=2, label=backend, **look)
        for backend, look in looks.items()
    ]
    figure = new_figure(heading, 0.65 + _ROW * len(rows), legend)
    axes = figure.subplots()
    values = []
    for backend, lines in chosen.groupby("backend", sort=False):
        for line in lines.itertuples():
            at, row = getattr(line, column), rows.index(line.name)
            style = {"linestyle": "", "markeredgewidth": 2, "markersize": 7, **looks[backend]}
            spread = 0 if relative else line.latency_iqr_ms / 2
            axes.errorbar([at], [row], xerr=[spread], elinewidth=1, label=backend, **style)
            what = f"R({line.timesteps}) = " if relative else f"T = {line.timesteps}: "
            unit = "" if relative else f" ms, IQR {significant(line.latency_iqr_ms, 2)}"
            text = f"{line.name} on {backend}, {what}{significant(at)}{unit}"
            values.append(Value(axes, at, row, text))
    if relative:
        axes.axvline(1, color=QUIET, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.margins(x=0.04)
    axes.set_xlabel(
        "R(T): time of a step over that of one pass of the ANN"
        if relative
        else "milliseconds per image, median and interquartile range"
    )
    return Drawing(figure, values)
