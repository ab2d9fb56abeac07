"""What a comparison prints when it is done: tables, conclusions, and where to go from there."""

from __future__ import annotations

import sys
from pathlib import Path

from resnoise.cli.display import print_lines, print_table
from resnoise.report.sections import Report
from resnoise.report.terminal import section_notes, section_table, section_title


def print_comparison(report: Report, dataset: str, out: Path) -> None:
    """Print what a comparison found on a data set, and what to run next.

    Args:
        report: of all records in `out`.
        dataset: whose sections are shown.
        out: the folder that the report was written to.
    """
    shown = [section for section in report.sections if section.dataset == dataset]
    for section in shown:
        table = section_table(section)
        others = table.columns.drop(["dataset", "method"])
        print_table(table[["method", *others]], section_title(section))
        print_lines(section_notes(section, report.reference))
        print_lines(f"- {line}" for line in section.summaries)
    others = sorted({test.other.method for section in shown for test in section.row_tests})
    command = program()
    commands = [
        *(f"{command} report {out} --reference {other}" for other in others[-1:]),
        f"{command} compare --dataset cifar10 --out runs/cifar10   (takes hours)",
        f"{command} compare --help",
    ]
    figures = [out / "figures" / f"{section.name}-accuracy.svg" for section in shown]
    for name, lines in (
        ("page", [out / "report.html"]),
        ("figure", figures),
        ("tables", [f"{out / 'comparison.md'}, .csv, .tex"]),
        ("next", commands),
    ):
        print_lines(f"{'' if index else name:<8}{line}" for index, line in enumerate(lines))


def program() -> str:
    """What to type for `resnoise`: as it was typed, where no folder of PATH has it."""
    typed = Path(sys.argv[0])
    return str(typed) if typed.name == "resnoise" and not typed.is_absolute() else "resnoise"
