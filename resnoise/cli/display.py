"""Progress and tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

console = Console()


@contextmanager
def progress_bars() -> Iterator:
    """Within the context: a function from the name of a piece of work to its progress callback.

    A piece that is announced takes the place of the one before it.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    # Bars are for people; a log that is not a terminal gets one line a piece of work.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        current: list[TaskID] = []

        def announce(name: str):
            if not console.is_terminal:
                console.print(name, highlight=False)
            while current:
                bars.remove_task(current.pop())
            task = bars.add_task(name, total=None, text="")
            current.append(task)
            return lambda done, total, text: bars.update(
                task, completed=done, total=total, text=text
            )

        yield announce


def print_table(frame: pd.DataFrame, title: str) -> None:
    """Print a frame of texts, its columns as headings."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(frame.columns):
        table.add_column(str(column), justify="left" if index == 0 else "right", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*(str(value) for value in row))
    # A pipe has no width of its own; columns must not be cut there.
    width = None if console.is_terminal else 200
    console.print(table, width=width)
