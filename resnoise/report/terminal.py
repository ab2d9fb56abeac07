"""The comparison in a few columns, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resnoise.analysis.significance import Reference
from resnoise.records.record import Record
from resnoise.report.sections import make_report


def summary_table(records: Sequence[Record], *, reference: Reference) -> pd.DataFrame:
    """Accuracy at each T as text, one line per data set, architecture, method and backend.

    Args:
        records: of one comparison.
        reference: what the marks ▲ ▼ ≈ compare with.

    Returns:
        Columns `dataset`, `architecture`, then those of the accuracy table, all text.
    """
    report = make_report(records, reference=reference)
    parts = []
    for section in report.sections:
        table = section.tables[0]
        rows = [
            [" ".join(filter(None, (cell.text, cell.spread, cell.mark))) for cell in row]
            for row in table.rows
        ]
        part = pd.DataFrame(rows, columns=list(table.columns))
        part.insert(0, "architecture", section.architecture)
        part.insert(0, "dataset", section.dataset)
        parts.append(part)
    table = pd.concat(parts, ignore_index=True).fillna("")
    # Sections may have other T than the first one.
    steps = [name for name in table.columns if name.startswith("T=")]
    others = table.columns.drop(steps)
    return table[[*others, *sorted(steps, key=lambda name: int(name.removeprefix("T=")))]]
