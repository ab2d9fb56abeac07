"""A table before it is Markdown, LaTeX or HTML, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """One entry.

    Attributes:
        text: the value, already formatted.
        spread: what follows it in small print, such as `±0.4`.
        mark: a sign that the table's notes explain.
        bold: whether the value stands out.
        value: the number that `text` rounds, in the unit of its column, for CSV.
    """

    text: str
    spread: str = ""
    mark: str = ""
    bold: bool = False
    value: float | None = None


def marks_in(rows: Iterable[tuple[Cell, ...]]) -> set[str]:
    """The marks of the cells of some lines."""
    return {cell.mark for row in rows for cell in row if cell.mark}


@dataclass(frozen=True)
class Table:
    """A titled table with its notes.

    Attributes:
        name: identifier, unique in its section.
        title: one line.
        columns: headings.
        rows: the cells, one tuple a line.
        labels: how many columns from the left hold text rather than numbers.
        notes: lines that follow the table.
        latex: whether the LaTeX document has it too.
        groups: what each row belongs to, in one word or two; none where rows are not grouped.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    labels: int = 1
    notes: list[str] = field(default_factory=list)
    latex: bool = True
    groups: tuple[str, ...] = ()

    @property
    def marks(self) -> set[str]:
        """Those that any cell has."""
        return marks_in(self.rows)

    def starts_group(self, index: int) -> bool:
        """Whether the line at `index` has another first cell than the one above it."""
        return index > 0 and self.rows[index][0] != self.rows[index - 1][0]

    def heading(self, index: int) -> str:
        """What is written above the line at `index`: its group, where that is another one."""
        if not self.groups or self.groups[index] in self.groups[index - 1 : index]:
            return ""
        return self.groups[index].capitalize()


def cells(*values: object) -> tuple[Cell, ...]:
    """Plain cells; what is missing becomes a dash."""
    return tuple(
        value if isinstance(value, Cell) else Cell(MISSING if _missing(value) else str(value))
        for value in values
    )


def number(value: float, write: Callable[[float], str], **more: Any) -> Cell:
    """A number as `write` writes it, which CSV has in full."""
    return Cell(write(value), value=None if _missing(value) else float(value), **more)


def share(fraction: float, **more: Any) -> Cell:
    """A fraction in per cent."""
    value = None if _missing(fraction) else _hundredfold(fraction)
    return Cell(percent(fraction), value=value, **more)


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in per cent, or a dash."""
    return MISSING if _missing(fraction) else f"{_hundredfold(fraction):.{digits}f}"


def points(difference: float) -> str:
    """A difference of fractions in percentage points, with its sign."""
    return f"{_hundredfold(difference):+.2f}".replace("-", "−")


def significant(value: float, digits: int = 3) -> str:
    """A number with that many significant digits, never in exponential notation, or a dash."""
    if _missing(value):
        return MISSING
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - int(f"{value:e}".partition("e")[2]))
    return f"{value:.{decimals}f}"


def scaled(value: float) -> str:
    """A count with k, M or G for thousands, millions and thousands of millions, or a dash."""
    if _missing(value):
        return MISSING
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= factor:
            return significant(value / factor) + unit
    return significant(value)


def p_value(p: float) -> str:
    """A p-value; what is tiny is only bounded."""
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _hundredfold(fraction: float) -> float:
    """Free of the last digits, which depend on the order of the sums that gave the fraction: of two
    ways to one figure half-way between two printed ones both are to print the same.
    """
    return round(100 * fraction, 9)


def _missing(value: object) -> bool:
    return not value if isinstance(value, str) else bool(pd.isna(value))
