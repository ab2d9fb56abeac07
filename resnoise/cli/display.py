"""Progress and tables on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from resnoise.cli.messages import PlainConsole
from resnoise.utils.text import escaped

# A pipe or a log has no width of its own; tables must not be cut to 80 columns there.
PIPE_WIDTH = 200
SECONDS_BETWEEN_LINES = 60.0

# Columns that tell the rows of a table apart; all others hold what was measured.
_LABELS = frozenset({"dataset", "architecture", "division", "method", "backend", "L", "τ"})

console = PlainConsole(width=None if sys.stdout.isatty() else PIPE_WIDTH)


@contextmanager
def progress_bars() -> Iterator[Callable[[str], Callable[[int, int, str], None]]]:
    """Within the context: a function from the name of a piece of work to its progress callback.

    A piece that is announced takes the place of the one before it.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
    )
    if not console.is_terminal:
        yield _announce_line
        return
    with Progress(*columns, console=console) as bars:
        current: list[TaskID] = []

        def announce(name: str) -> Callable[[int, int, str], None]:
            while current:
                bars.remove_task(current.pop())
            task = bars.add_task(escaped(name), total=None, text="")
            current.append(task)
            return lambda done, total, text: bars.update(
                task, completed=done, total=total, text=escaped(text)
            )

        yield announce


def _announce_line(name: str) -> Callable[[int, int, str], None]:
    """Bars are for people; a log gets one line per piece of work, and one per minute after that."""
    console.print(name, highlight=False)
    said = time.monotonic()

    def update(done: int, total: int, text: str) -> None:
        nonlocal said
        if time.monotonic() - said > SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            console.print(f"  {done}/{total} {text}", highlight=False)

    return update


def print_table(frame: pd.DataFrame, title: str) -> None:
    """Print a frame of texts, its columns as headings, without columns that say nothing.

    A label that is the same in all rows is left out, unless it says that backends agree, and what
    was measured in none of them. The first column stays, and a single row stays whole.
    """
    first, *others = frame.columns
    kept = [first, *(column for column in others if _says_something(frame[column]))]
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in kept:
        table.add_column(str(column), justify="left" if column == first else "right", no_wrap=True)
    for row in frame[kept].itertuples(index=False):
        table.add_row(*(escaped(str(value)) for value in row))
    console.print(table)


def _says_something(column: pd.Series) -> bool:
    from resnoise.analysis.parity import AGREE
    from resnoise.report.table import MISSING

    if len(column) == 1:
        return True
    if column.name in _LABELS:
        return column.nunique() > 1 or AGREE in column.iloc[0]
    return not column.isin((MISSING, "")).all()


def print_paths(paths: Iterable[Path]) -> None:
    """Print what was written, a path a line, whole, so that it can be copied."""
    for path in paths:
        console.print(str(path), highlight=False, soft_wrap=True)


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences, broken between words where the terminal is narrower."""
    for line in lines:
        console.print(line, highlight=False)
