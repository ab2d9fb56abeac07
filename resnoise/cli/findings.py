"""What is printed when work is done: tables, conclusions, and where to go from there."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from resnoise.cli.display import print_lines, print_named, print_table
from resnoise.cli.progress import duration
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
    print_named(
        (
            ("page", [out / "report.html"]),
            ("figure", figures),
            ("tables", [f"{out / 'comparison.md'}, .csv, .tex"]),
            ("next", commands),
        )
    )


def print_training(best: Path, evaluation: str, convertible: bool) -> None:
    """Print what a training came to, and what to run next.

    Args:
        best: its `best.json`.
        evaluation: options with which the network can be evaluated.
        convertible: whether there is a network without spikes to convert.
    """
    from resnoise.report.table import percent
    from resnoise.training.checkpoint import read_info

    info = read_info(best)
    found = {
        "training": info.job.training,
        "data": info.job.dataset,
        "network": info.job.architecture,
        "seed": info.job.seed,
        "best epoch": f"{info.best_epoch} of {info.job.recipe['epochs']}",
        "validation (%)": percent(info.validation_accuracy),
        "time": duration(sum(epoch["seconds"] for epoch in info.history)),
    }
    print_table(pd.DataFrame([found]).astype(str), "what was trained")
    command = program()
    commands = [f"{command} evaluate {best} {evaluation}"]
    if convertible:
        spiking = best.with_name("spiking.safetensors")
        commands.append(f"{command} convert {best} --out {spiking}")
    print_named((("network", [best]), ("next", commands)))


def program() -> str:
    """What to type for `resnoise`: as it was typed, where no folder of PATH has it."""
    typed = Path(sys.argv[0])
    return str(typed) if typed.name == "resnoise" and not typed.is_absolute() else "resnoise"
