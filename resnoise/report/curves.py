"""The curves of a figure: a row of the comparison over its T, once where backends agree."""

from __future__ import annotations

from itertools import cycle
from typing import NamedTuple

import pandas as pd

# Of the curves of one method; a curve of one point is recognised by how its marker is filled.
_STYLES = (
    {"linestyle": "-", "fillstyle": "full"},
    {"linestyle": "--", "fillstyle": "none"},
    {"linestyle": "-.", "fillstyle": "left"},
    {"linestyle": ":", "fillstyle": "top"},
)
_MOST_OF_RANGE = 1 / 3
"""That a crowded range has of all accuracies."""


class Curve(NamedTuple):
    """A row over its T.

    Attributes:
        method: name of the method, which has the colour.
        name: as in the legend.
        style: line and filling, other ones for the rows of one method.
        points: lines of the comparison.
    """

    method: str
    name: str
    style: dict[str, str]
    points: pd.DataFrame


def curves(frame: pd.DataFrame, by: str) -> list[Curve]:
    """One curve per method, L and τ, and one per backend only where backends give different curves.

    A backend that was simulated at fewer T than another, equally at those, has none of its own.
    """
    found = []
    frame = frame.assign(name=names(frame))
    for method, lines in frame.groupby("method", sort=False):
        styles = cycle(_STYLES)
        for (name, tau), group in lines.groupby(["name", "presimulation_steps"], sort=False):
            distinct: dict[frozenset, tuple[list[str], pd.DataFrame]] = {}
            backends = group.groupby("backend", sort=False)
            for backend, points in sorted(backends, key=lambda item: -len(item[1])):
                points = points.dropna(subset=by)
                shape = frozenset(zip(points[by], points["accuracy"], strict=True))
                whole = next((known for known in distinct if shape <= known), shape)
                distinct.setdefault(whole, ([], points))[0].append(backend)
            name += f", τ={tau}" if lines["presimulation_steps"].nunique() > 1 else ""
            for backends, points in distinct.values():
                where = f" on {', '.join(backends)}" if len(distinct) > 1 else ""
                found.append(Curve(method, name + where, next(styles), points))
    return found


def names(frame: pd.DataFrame) -> pd.Series:
    """The label of each line, with its L where lines of one label differ in it."""
    several = frame.groupby("label")["levels"].transform("nunique", dropna=False) > 1
    return frame["label"].where(~several, frame["label"] + ", L=" + frame["levels"].astype(str))


def crowded(frame: pd.DataFrame) -> pd.DataFrame:
    """The largest T, where all accuracies are close together; nothing where there is no such range.

    Returns:
        The lines of all T from the least on at which accuracies span a third of the whole range at
        most, if these are two T or more.
    """
    steps = sorted(frame["timesteps"].unique())
    whole = _span(frame)
    for first in steps[1:-1]:
        part = frame[frame["timesteps"] >= first]
        if _span(part) <= _MOST_OF_RANGE * whole:
            return part
    return frame[:0]


def _span(frame: pd.DataFrame) -> float:
    return frame["accuracy"].max() - frame["accuracy"].min()
