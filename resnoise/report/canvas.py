"""What all figures share: a title, what was measured, a legend below, values to tell."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from resnoise.report.svg import QUIET

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.8
_LINE = 0.17
"""Inches of a line of small print."""
_CHARACTERS = 150
"""Of small print, side by side."""


class Heading(NamedTuple):
    """What stands above a figure.

    Attributes:
        title: what is shown.
        measured: `Conditions` as text.
    """

    title: str
    measured: str


def new_figure(heading: Heading, height: float, legend: Sequence[Artist] = ()) -> Figure:
    """A figure with its heading and legend, whose panels take `height` inches between them."""
    from matplotlib.figure import Figure

    small = textwrap.wrap(heading.measured, _CHARACTERS)
    top = 0.34 + _LINE * len(small)
    columns = _columns(legend)
    bottom = _LINE * 1.15 * -(-len(legend) // columns) + 0.1 if legend else 0
    whole = top + height + bottom
    figure = Figure(figsize=(WIDTH, whole), layout="constrained")
    figure.get_layout_engine().set(rect=(0, bottom / whole, 1, height / whole))
    figure.text(0.008, 1 - 0.08 / whole, heading.title, va="top", weight="bold", size=11)
    figure.text(0.008, 1 - 0.31 / whole, "\n".join(small), va="top", size=8.5, color=QUIET)
    if legend:
        figure.legend(handles=legend, loc="lower center", ncols=columns, borderaxespad=0.2)
    return figure


def _columns(legend: Sequence[Artist]) -> int:
    longest = max((len(str(entry.get_label())) for entry in legend), default=1)
    return max(1, min(len(legend), 5, _CHARACTERS // (longest + 9)))


def logarithmic(axes: Axes, base: int, subs: tuple[int, ...]) -> None:
    """A logarithmic x axis with plain numbers at `subs` times the powers of `base`."""
    from matplotlib.ticker import LogLocator

    axes.set_xscale("log", base=base)
    axes.xaxis.set_major_locator(LogLocator(base, subs))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
