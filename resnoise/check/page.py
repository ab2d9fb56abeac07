"""The gate's verdicts as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence

from resnoise.check.rules import Status, Verdict
from resnoise.report.html import render
from resnoise.report.table import Table, cells

COLUMNS = ("figure", "before", "now", "fails at", "status")


def gate_page(verdicts: Sequence[Verdict], compared_with: str) -> str:
    """All verdicts, those that fail first.

    Args:
        verdicts: from the gate.
        compared_with: what stands in the column "before".
    """
    failing = [verdict for verdict in verdicts if verdict.status.fails]
    others = [verdict for verdict in verdicts if not verdict.status.fails]
    tables = [
        _table(name, title, chosen)
        for name, title, chosen in (
            ("failing", "What got worse", failing),
            ("others", "Everything else", others),
        )
        if chosen
    ]
    return render(
        "gate.html.jinja",
        verdict=f"{len(failing)} got worse" if failing else "Nothing got worse",
        lead=f"{summary(verdicts)}, compared with {compared_with}.",
        tables=tables,
    )


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many figures have each status."""
    counts = {status: sum(v.status is status for v in verdicts) for status in Status}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def _table(name: str, title: str, verdicts: Sequence[Verdict]) -> Table:
    rows = [cells(v.name, v.before, v.now, v.bound, v.status) for v in verdicts]
    return Table(name, title, COLUMNS, rows, labels=len(COLUMNS))
