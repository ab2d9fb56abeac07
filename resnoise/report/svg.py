"""Matplotlib figures as SVG: small, never varying, in the page's light or dark, values on hover."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from resnoise.report.looks import BACKENDS, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, EDGE, GRID, GROUND = "#1d2129", "#5a6270", "#8a919c", "#e1e4e8", "#ffffff"

# The colour of each on a dark ground.
_DARK = {
    INK: "#e6e8eb",
    QUIET: "#a3abb7",
    EDGE: "#727b87",
    GRID: "#2d333d",
    GROUND: "#1b1f26",
    **PALETTE,
    **BACKENDS,
}
_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": EDGE,
    "axes.facecolor": "none",
    "figure.facecolor": GROUND,
    "figure.dpi": 72,  # a point is a unit of SVG
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.handlelength": 2.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "resnoise",
}
_FONTS = "'DejaVu Sans', Verdana, sans-serif"
_REACH = 7
"""How far from a value, in points, it is still told."""

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


class Value(NamedTuple):
    """What is told where the pointer rests on a point of a figure."""

    axes: Axes
    x: float
    y: float
    text: str


class Drawing(NamedTuple):
    """A figure, and the values that it tells."""

    figure: Figure
    values: list[Value]


def draw_svg(name: str, draw: Callable[[], Drawing]) -> str:
    """Run `draw` in this report's style and return its figure as an `<svg>` element.

    Args:
        name: put before every id, as ids must differ between the figures of a page; an
            `identifier`.
        draw: makes the figure, without pyplot, so that no global state is touched.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure, values = draw()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(buffer.getvalue())
    for part in list(root):
        # The style of a figure would hold for the whole page.
        if part.tag == f"{{{_SVG}}}metadata" or part.find(f"{{{_SVG}}}style") is not None:
            root.remove(part)
    root.attrib |= {"stroke-linejoin": "round", "font-family": _FONTS}
    _shorten_ids(root, name)
    for element in root.iter():
        _use_classes(element)
    root.append(_hover_targets(figure, values))
    text = ElementTree.tostring(root, encoding="unicode")
    return re.sub(r">\s+<", ">\n<", text)


def standalone(svg: str, title: str, description: str) -> str:
    """A file of `draw_svg`'s result: it says what it shows, and brings its own dark colours."""
    head, rest = svg.split(">", 1)
    inside = (
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
        f"<style>{figure_style()}</style>"
    )
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}>\n{inside}{rest}\n'


def figure_style() -> str:
    """The style that makes figures follow the dark mode, for a page or a file."""
    rules = "".join(
        f".{_class(what, light)}{{{what}:{dark}}}"
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    )
    return (
        ".values circle{fill:transparent}.values circle:hover{stroke:currentColor}"
        f"@media screen and (prefers-color-scheme: dark){{{rules}}}"
    )


def identifier(name: str) -> str:
    """`name` as HTML, SVG, LaTeX and any file system take it: other characters become hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _class(what: str, color: str) -> str:
    return f"{what[0]}{color[1:]}"


def _use_classes(element: ElementTree.Element) -> None:
    """Colours as attributes, which a style may override, and numbers without needless digits."""
    for name in ("d", "x", "y", "points", "transform", "width", "height", "style"):
        if (value := element.get(name)) is not None:
            element.set(name, re.sub(r"-?\d+\.\d{3,}", _rounded, " ".join(value.split())))
    kept, classes = [], []
    for declaration in filter(None, element.attrib.pop("style", "").split(";")):
        name, value = (part.strip() for part in declaration.split(":", 1))
        if name in ("fill", "stroke"):
            element.set(name, value)
            if value in _DARK:
                classes.append(_class(name, value))
        elif name not in ("font-family", "stroke-linejoin"):
            kept.append(f"{name}:{re.sub(r', .*', '', value) if name == 'font' else value}")
    if kept:
        element.set("style", ";".join(kept))
    if classes:
        element.set("class", " ".join(classes))


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _shorten_ids(root: ElementTree.Element, name: str) -> None:
    """Only ids that something refers to, each unlike those of other figures."""
    reference = re.compile(r"(?<=url\(#)[^)]+|(?<=^#).+")
    used: dict[str, str] = {}

    def short(found: re.Match[str]) -> str:
        return used.setdefault(found[0], f"{name}-{len(used)}")

    for element in root.iter():
        for key, value in element.attrib.items():
            if key != "id":
                element.set(key, reference.sub(short, value))
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in used:
            element.set("id", used[old])


def _hover_targets(figure: Figure, values: list[Value]) -> ElementTree.Element:
    """An invisible circle over each value, on top of everything."""
    group = ElementTree.Element(f"{{{_SVG}}}g", {"class": "values", "fill-opacity": "0"})
    height = figure.bbox.height
    for axes, x, y, text in values:
        left, up = axes.transData.transform((x, y))
        if not axes.bbox.padded(1).contains(left, up):
            continue
        place = {"cx": f"{left:.1f}", "cy": f"{height - up:.1f}", "r": str(_REACH)}
        circle = ElementTree.SubElement(group, f"{{{_SVG}}}circle", place)
        ElementTree.SubElement(circle, f"{{{_SVG}}}title").text = text
    return group
