# ruff: noqa: E501 - the page has the width of the other documents
"""Writes docs/published.md: every published figure that a committed network stands beside.

python -m docs.published
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from resnoise_baselines.published import ARCHITECTURES, DATASETS, load_published

from docs.sources import ROOT, TABLES, read
from resnoise import methods
from resnoise.report.published_tables import settings
from resnoise.report.table import points

PAGE = ROOT / "docs" / "published.md"
CLOSE = 0.5
"""Points below a published figure that still count as having reproduced it."""
_NAMES = {ours: theirs for theirs, ours in (DATASETS | ARCHITECTURES).items()}
_UNFINISHED = "-epoch-"
"""In the names of tables whose trainings were not at their end."""
_QUALIFIER = r" \(.*\)$"
"""After the name of a method: whose figures these are, such as a later run by others."""
_GREEK = {"tau=": "τ = ", "rho=": "ρ = "}
_PAGE = """# Measured beside published, cell by cell

Accuracy measured here less accuracy published, in points, averaged over seeds. **Bold** is ahead, or at most {close}
points short. Every row of a committed table stands beside every paper that reports its method on its data set and
network; tuned variants (`-plus`) and other L stand beside the method that they vary. The published networks were
trained for 300 epochs or more, most of these for 60; [the protocol](protocol.md) differs, too. The ANN of NQ has its
noise on, as its authors evaluate it.

Of {cells} published accuracies of spiking networks at a T measured here, {own} are reached by the same method at the
same L (or at any, where the paper states none), and {any} if tuned variants and other L count. A figure counts as
reached if any row here reaches it, so both numbers are optimistic.

`make docs-tables` writes this page.

{sections}## Sources

{sources}
"""


class Measured(NamedTuple):
    """One row of a committed table beside one published method.

    Attributes:
        same: whether method and, where the paper states it, L are those that were published.
        differences: in points, measured less published, by T; T = 0 stands for the source network.
    """

    dataset: str
    architecture: str
    published: str
    published_levels: str
    source: str
    label: str
    levels: str
    table: str
    same: bool
    differences: dict[int, float]


def beside() -> list[Measured]:
    """Every row of every table beside every source that reports its method."""
    published = load_published()
    found, seen = [], set()
    for path in sorted(TABLES.glob("*/comparison.csv")):
        if _UNFINISHED in path.parent.name:
            continue
        frame = read(str(path.relative_to(TABLES)))
        frame = frame[frame.backend.str.contains("norse")]
        keys = ["dataset", "architecture", "method", "levels", "label"]
        for key, row in frame.groupby(keys, sort=False, dropna=False):
            # What is measured after training stands beside networks of another table, repeated.
            trained = path.parent.name.removesuffix("-after-training"), key
            if trained not in seen:
                found += _row(dict(zip(keys, key, strict=True)), row, published, path.parent.name)
            seen.add(trained)
    return found


def _row(
    key: dict[str, Any], row: pd.DataFrame, published: pd.DataFrame, table: str
) -> Iterator[Measured]:
    reported = methods.reported_as(key["method"])
    theirs = published[
        (published.dataset == key["dataset"])
        & (published.architecture == key["architecture"])
        & (published.method.str.replace(_QUALIFIER, "", regex=True).str.lower() == reported)
    ]
    levels = "" if pd.isna(key["levels"]) else f"{key['levels']:.0f}"
    ours = {int(t): 100 * a for t, a in zip(row.timesteps, row.accuracy, strict=True)}
    stated_of = settings(levels, row.presimulation_steps.iloc[0])
    for (name, theirs_levels, source), figures in theirs.groupby(
        ["method", "levels", "source"], sort=False, dropna=False
    ):
        # Its authors evaluate the source network of NQ with its noise on.
        noisy = figures.note.str.contains("noise on", na=False).any()
        ours[0] = 100 * (row.ann_noisy_accuracy if noisy else row.ann_accuracy).iloc[0]
        by_step = figures.set_index(figures.timesteps.fillna(0).astype(int)).accuracy
        differences = {t: ours[t] - a for t, a in by_step.items() if t in ours}
        if not any(differences):  # at no T
            continue
        stated = "" if pd.isna(theirs_levels) else str(theirs_levels)
        # A question mark is of a source that leaves it to be guessed.
        same = key["method"] == reported and (not stated or stated.rstrip("?") in stated_of)
        yield Measured(
            key["dataset"], key["architecture"], name, stated, source, key["label"], levels, table, same, differences,
        )  # fmt: skip


def page(rows: list[Measured]) -> str:
    """The whole page."""
    sources = list(dict.fromkeys(row.source for row in rows))
    places = dict.fromkeys((row.dataset, row.architecture) for row in rows)
    sections = "".join(
        _section([row for row in rows if row[:2] == place], sources) for place in places
    )
    figures = [(row, t) for row in rows for t in row.differences if t]
    reached = [(row, t) for row, t in figures if row.differences[t] >= -CLOSE]
    own = {_cell(row, t) for row, t in reached if row.same}
    return _PAGE.format(
        close=CLOSE,
        cells=len({_cell(row, t) for row, t in figures}),
        own=len(own),
        any=len({_cell(row, t) for row, t in reached}),
        sections=sections,
        sources="\n".join(f"{i}. {source}" for i, source in enumerate(sources, 1)),
    )


def _cell(row: Measured, timesteps: int) -> tuple[str, str, str, str, str, int]:
    return row.dataset, row.architecture, row.published, row.published_levels, row.source, timesteps


def _section(rows: list[Measured], sources: list[str]) -> str:
    """A heading and one table, of one network on one data set."""
    steps = sorted({t for row in rows for t in row.differences})
    heads = [
        "published",
        "L, τ or ρ",
        "measured",
        "L",
        "table",
        *(f"T={t}" if t else "ANN" for t in steps),
    ]
    lines = [heads, ["---"] * 5 + ["---:"] * len(steps)]
    for row in sorted(rows, key=lambda row: (row.published, row.published_levels, not row.same)):
        lines.append(
            [
                f"{row.published} ({sources.index(row.source) + 1})",
                re.sub("tau=|rho=", lambda name: _GREEK[name[0]], row.published_levels) or "–",
                f"`{row.label}`",
                row.levels or "–",
                f"[{row.table}](../results/tables/{row.table}/comparison.md)",
                *(_points(row.differences[t]) if t in row.differences else "–" for t in steps),
            ]
        )
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {', '.join(_NAMES.get(name, name) for name in rows[0][:2])}\n\n{body}\n\n"


def _points(difference: float) -> str:
    text = points(difference / 100)
    return f"**{text}**" if difference >= -CLOSE else text


def main() -> None:
    PAGE.write_text(page(beside()), encoding="utf-8")
    print(Path("docs") / PAGE.name)


if __name__ == "__main__":
    main()
