"""Matplotlib figures as SVG text that can stand inside an HTML page and never varies."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, distinguishable with any colour vision; its yellow is lost on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "///", "...", "xxx", "\\\\\\")

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "axes.edgecolor": "#8a919c",
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 2.6,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",  # its own ground, so that it can be read on a dark page
    "svg.fonttype": "path",  # looks the same where DejaVu Sans is not installed
    "svg.hashsalt": "resnoise",
}

Looks = dict[str, dict[str, str]]


def assign_looks(names: Iterable[str]) -> Looks:
    """Colour and marker of each different name, the same in every figure of a section."""
    pairs = zip(dict.fromkeys(names), cycle(PALETTE), cycle(MARKERS), strict=False)
    return {name: {"color": color, "marker": marker} for name, color, marker in pairs}


def draw_svg(name: str, draw: Callable[[], Figure]) -> str:
    """Run `draw` in this report's style and return its figure as an `<svg>` element.

    Args:
        name: put before every id, as ids must differ between the figures of a page; an
            `identifier`.
        draw: makes the figure, without pyplot, so that no global state is touched.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        draw().savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)


def identifier(name: str) -> str:
    """`name` as HTML, SVG, LaTeX and any file system take it: other characters become hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)
