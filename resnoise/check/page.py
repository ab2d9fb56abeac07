"""The gate's table as one HTML page, to keep beside a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from resnoise.check.gate import Comparison
from resnoise.check.rules import COLUMNS, Status, Verdict
from resnoise.records.provenance import commit_of, provenance
from resnoise.report.html import render
from resnoise.report.table import Cell, Table, cells

_MARKS = {
    "▲": ("better", "better than before, beyond the bound"),
    "▼": ("worse", "worse than before, not what it was, or no longer there: the gate stays shut"),
}


def gate_page(comparison: Comparison) -> str:
    """All figures of `comparison`, those that shut the gate first, with the style inside."""
    here = provenance()
    passed = [verdict for verdict in comparison.verdicts if not verdict.status.fails]
    return render(
        "check/page.html.jinja",
        comparison=comparison,
        now=f"resnoise {here.resnoise_version}, commit {commit_of(here)}, "
        f"torch {here.torch_version} on {here.machine}",
        failing=_table("failing", "What got worse", comparison.failing),
        passed=_table("passed", "What did not", passed),
        marks=_MARKS,
    )


def _table(name: str, title: str, verdicts: Iterable[Verdict]) -> Table:
    rows = [cells(v.name, v.before, v.now, v.bound, _status(v.status)) for v in verdicts]
    return Table(name, title, COLUMNS, rows, labels=len(COLUMNS))


def _status(status: Status) -> Cell:
    mark = "▼" if status.fails else "▲" if status is Status.BETTER else ""
    return Cell(status.value, mark=mark, bold=status.fails)
