"""Tables, paths and sentences on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.measure import Measurement
from rich.table import Table

from resnoise.cli.messages import PlainConsole
from resnoise.utils.text import escaped

if TYPE_CHECKING:
    from resnoise.config import Recipe

# A pipe or a log has no width of its own; tables must not be cut to 80 columns there.
PIPE_WIDTH = 200

# Columns that tell the rows of a table apart; all others hold what was measured.
_LABELS = frozenset({"dataset", "architecture", "division", "method", "backend", "L", "τ"})

console = PlainConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def print_table(frame: pd.DataFrame, title: str) -> None:
    """Print a frame of texts, its columns as headings, without columns that say nothing.

    A label that is the same in all rows is left out, unless it says that backends agree, and what
    was measured in none of them. The first column stays, and a single row stays whole.
    """
    first, *others = frame.columns
    kept = [first, *(column for column in others if _says_something(frame[column]))]
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in kept:
        # Of a table that is too wide the first column is folded, and no figure is cut.
        label = column == first
        table.add_column(
            str(column), justify="left" if label else "right", no_wrap=not label, overflow="fold"
        )
    for row in frame[kept].itertuples(index=False):
        table.add_row(*(escaped(str(value)) for value in row))
    whole = console.options.update(max_width=sys.maxsize)
    if Measurement.get(console, whole, table).maximum > console.width:
        table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
    console.print(table)


def _says_something(column: pd.Series) -> bool:
    from resnoise.analysis.parity import AGREE
    from resnoise.report.table import MISSING

    if len(column) == 1:
        return True
    if column.name in _LABELS:
        return column.nunique() > 1 or AGREE in column.iloc[0]
    return not column.isin((MISSING, "")).all()


def print_recipes(recipes: Mapping[str, Recipe]) -> None:
    """Print every setting of some recipes, a column for each method, by the names of `--set`."""
    from resnoise.cli.options import recipe_texts

    columns = {name: dict(recipe_texts(recipe)) for name, recipe in recipes.items()}
    settings = dict.fromkeys(name for column in columns.values() for name in column)
    frame = pd.DataFrame(
        {"setting": list(settings)} | {m: [c[s] for s in settings] for m, c in columns.items()}
    )
    print_table(frame, "recipe")


def print_named(paragraphs: Iterable[tuple[str, Iterable[object]]]) -> None:
    """Print lines with a word before each paragraph, such as `next    resnoise --help`."""
    for name, lines in paragraphs:
        for index, line in enumerate(lines):
            console.print(f"{'' if index else name:<8}{line}", highlight=False, soft_wrap=True)


def print_paths(paths: Iterable[Path]) -> None:
    """Print what was written, a path a line, whole, so that it can be copied."""
    for path in paths:
        console.print(str(path), highlight=False, soft_wrap=True)


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences, broken between words where the terminal is narrower."""
    for line in lines:
        console.print(line, highlight=False)
