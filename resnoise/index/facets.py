"""What lines of the index can be chosen by, and which are chosen first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import pandas as pd

from resnoise.index.lines import Line


@dataclass(frozen=True)
class Facet:
    """Something that lines can be chosen by.

    Attributes:
        name: of the attribute `data-NAME` of a line, which holds its values, one a line of text.
        title: as the reader sees it.
        values: all there are.
    """

    name: str
    title: str
    values: list[str]


def values_of(line: Line) -> dict[str, str]:
    """The value of every facet of a line; of several backends, one a line of text."""
    row = line.row
    return {
        "dataset": row.dataset,
        "network": row.architecture,
        "method": row.method,
        "division": row.division,
        "backend": "\n".join(line.overhead),
        "L": str(row.levels or "none"),
        "T": str(line.figures.timesteps),
        "total": str(line.figures.total_steps),
        "comparison": "\n".join([line.comparison, *line.also_in]),
    }


_TITLES = {
    "dataset": "data set",
    "network": "network",
    "method": "method",
    "division": "division",
    "backend": "backend",
    "L": "L",
    "T": "T",
    "total": "τ+T",
    "comparison": "comparison",
}


def facets_of(lines: Iterable[Line]) -> list[Facet]:
    """All that these lines can be chosen by; numbers in their order, before other values."""
    found: dict[str, dict[str, None]] = {name: {} for name in _TITLES}
    for line in lines:
        for name, value in values_of(line).items():
            found[name].update(dict.fromkeys(value.split("\n")))
    return [
        Facet(name, _TITLES[name], sorted(values, key=_by_number)) for name, values in found.items()
    ]


def _by_number(value: str) -> tuple[bool, int, str]:
    return (not value.isdigit(), int(value) if value.isdigit() else 0, value)


def first_choice(lines: Sequence[Line]) -> str:
    """What a reader sees first: the network with the most lines, at the T with the most of these.

    As the part of the page's address behind `#`.
    """
    of_lines = pd.DataFrame([(*line.row.section, line.figures.timesteps) for line in lines])
    dataset, network = of_lines.groupby([0, 1]).size().idxmax()
    steps = of_lines[(of_lines[0] == dataset) & (of_lines[1] == network)].groupby(2).size().idxmax()
    chosen = {"dataset": dataset, "network": network, "T": steps}
    return urlencode({**chosen, "sort": "accuracy", "order": "down"})
