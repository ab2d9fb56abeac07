"""The comparison in a few columns and lines, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resnoise.analysis.significance import Reference
from resnoise.records.record import Record
from resnoise.report.divisions import NO_SPIKES
from resnoise.report.result_tables import MARKS
from resnoise.report.sections import Section, make_report
from resnoise.report.table import MISSING, Table


def summary_table(records: Sequence[Record], *, reference: Reference) -> pd.DataFrame:
    """Accuracy at each T as text, one line per data set, architecture, method and backend.

    Source networks have no line: their accuracy stands in those of what they were converted to.

    Args:
        records: of one comparison.
        reference: what the marks ▲ ▼ ≈ compare with.

    Returns:
        Columns `dataset`, `architecture`, `division`, then those of the accuracy table, all text.
    """
    report = make_report(records, reference=reference)
    table = pd.concat(map(section_table, report.sections), ignore_index=True).fillna("")
    # Sections may have other T than the first one.
    steps = [name for name in table.columns if name.startswith("T=")]
    others = table.columns.drop(steps)
    table = table[table["division"] != NO_SPIKES].reset_index(drop=True)
    return table[[*others, *sorted(steps, key=lambda name: int(name.removeprefix("T=")))]]


def section_table(section: Section) -> pd.DataFrame:
    """The same of one section of a report, its source networks included."""
    table = section.tables[0]
    rows = [
        [" ".join(filter(None, (cell.text, cell.spread, cell.mark))) for cell in row]
        for row in table.rows
    ]
    part = pd.DataFrame(rows, columns=list(table.columns))
    part.insert(0, "division", table.groups)
    part.insert(0, "architecture", section.architecture)
    part.insert(0, "dataset", section.dataset)
    return part


def section_title(section: Section) -> str:
    """What the table of a section is about: network, images and seeds."""
    images, seeds = (section.frame[name] for name in ("images", "seeds"))
    return (
        f"{section.dataset}, {section.architecture}: accuracy (%) after T steps, "
        f"{_span(images)} images, {_span(seeds)} seed{'s' if seeds.max() > 1 else ''}"
    )


def section_notes(section: Section, reference: Reference) -> list[str]:
    """What the signs in the table of a section stand for."""
    table = section.tables[0]
    notes = []
    if table.marks:
        mixed = ", ≷ not for every seed or row" if MARKS["mixed"] in table.marks else ""
        notes.append(
            f"▲ significantly better than {reference}, ▼ worse, ≈ neither{mixed}: McNemar's test "
            "on the same images, Holm, 5 %."
        )
    signs = ["±: half the 95 % interval over images"]
    if _shows(table, "ANN"):
        signs.append("ANN: the network before conversion")
    if section.frame["presimulation_steps"].any():
        signs.append("τ: steps before T")
    return [*notes, f"{'; '.join(signs)}."]


def _shows(table: Table, column: str) -> bool:
    index = table.columns.index(column)
    return any(row[index].text != MISSING for row in table.rows)


def _span(numbers: pd.Series) -> str:
    least, most = numbers.min(), numbers.max()
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
