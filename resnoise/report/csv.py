"""Tables as CSV that a spreadsheet may open: no name in them becomes a formula or a line."""

from __future__ import annotations

import re

import pandas as pd

from resnoise.report.table import MISSING, Cell, Table
from resnoise.utils.text import escaped

_FORMULA = ("=", "+", "-", "@")


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV, one line per row, in full precision.

    Texts that a spreadsheet would run begin with an apostrophe, which it takes for "text", and
    control characters, tabs among them, are escaped.

    Source: OWASP, CSV Injection.
    """
    texts = frame.select_dtypes(["object", "string"])
    safe = frame.astype(dict.fromkeys(texts, object))
    for name in texts:  # `map` would make floats of integers beside missing ones
        safe[name] = pd.Series([*map(_harmless, texts[name])], texts.index, dtype=object)
    return safe.rename(columns=_harmless).to_csv(index=False, lineterminator="\n")


def table_csv(table: Table) -> str:
    """A table as CSV: its groups first, small print and marks in columns of their own.

    Numbers that cells know in full precision are written so; what is missing is empty.

    Examples:
        >>> from resnoise.report.table import Cell, Table
        >>> rows = [(Cell("nq"), Cell("73.2", spread="±0.9", value=73.18))]
        >>> print(table_csv(Table("accuracy", "Accuracy (%)", ("method", "T=2"), rows)))
        method,T=2,"T=2, small print"
        nq,73.18,±0.9
        <BLANKLINE>
    """
    columns: dict[str, list[object]] = {"group": list(table.groups)} if table.groups else {}
    for name, cells in zip(table.columns, zip(*table.rows, strict=True), strict=True):
        columns[name] = [*map(_plain, cells)]
        for more, texts in (
            ("small print", [cell.spread for cell in cells]),
            ("mark", [cell.mark for cell in cells]),
        ):
            if any(texts):
                columns[f"{name}, {more}"] = texts
    return csv_text(pd.DataFrame(columns))


def _plain(cell: Cell) -> object:
    if cell.value is not None:
        return cell.value
    text = "" if cell.text == MISSING else cell.text.replace("−", "-")
    if re.fullmatch(r"[-+]?\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[-+]?\d+\.\d+", text) else text


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    return "'" * value.startswith(_FORMULA) + escaped(value)
