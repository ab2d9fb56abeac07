"""What the terminal shows: which columns a table keeps, and text as it is written."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from resnoise.cli import display, progress
from resnoise.cli.messages import PlainConsole
from resnoise.report.terminal import summary_table
from tests.comparisons import NQ, record

# What Rich would take for a style, for the end of one, which it refuses, and for an emoji.
as_it_is = pytest.mark.parametrize("text", ["'resnoise[norse]'", "runs/[/old]", "runs/:x:"])


def headings(printed):
    """The headings of the table in what was printed."""
    line = next(line for line in printed.splitlines() if line.startswith("┃"))
    return [heading.strip() for heading in line.strip("┃").split("┃")]


def print_summary(*records):
    summary = summary_table(records, reference=NQ).drop(columns="dataset")
    display.print_table(summary.set_index("method").reset_index(), "accuracy")


def test_backends_that_agree_share_a_row_and_it_says_so(capsys):
    print_summary(
        *(
            record("nq", right, backend=backend, timesteps=timesteps, ann_accuracy=0.99)
            for backend in ("norse", "reference")
            for timesteps, right in ((1, 270), (4, 285))
        ),
        *(
            record("qcfs", 240, backend=backend, timesteps=timesteps, ann_accuracy=0.99)
            for backend in ("norse", "reference")
            for timesteps in (1, 4)
        ),
    )
    printed = capsys.readouterr().out
    assert headings(printed) == ["method", "backend", "ANN", "ANN, noise on", "T=1", "T=4"]
    first, _ = (line for line in printed.splitlines() if " norse = reference " in line)
    assert all(accuracy in first for accuracy in ("99.0", "98.0", "90.0", "95.0"))


def test_labels_that_differ_are_printed(capsys):
    print_summary(
        record("nq", 270, levels=2, architecture="resnet20"),
        record("nq", 270, levels=4, architecture="vgg16", presimulation_steps=2),
    )
    labels = ["method", "architecture", "division", "L", "τ"]
    assert headings(capsys.readouterr().out)[:5] == labels


def test_what_was_measured_nowhere_is_left_out(capsys):
    print_summary(*(record(name, 270, ann_noisy_accuracy=None) for name in ("qcfs", "srp")))
    assert headings(capsys.readouterr().out) == ["method", "ANN", "T=2"]


def test_what_was_measured_of_one_row_is_printed(capsys):
    print_summary(record("nq", 270), record("qcfs", 270, ann_noisy_accuracy=None))
    assert headings(capsys.readouterr().out) == ["method", "ANN", "ANN, noise on", "T=2"]


def test_a_single_row_stays_whole(capsys):
    print_summary(record("qcfs", 270, ann_noisy_accuracy=None))
    whole = [
        "method",
        "architecture",
        "division",
        "backend",
        "L",
        "τ",
        "ANN",
        "ANN, noise on",
        "T=2",
    ]
    assert headings(capsys.readouterr().out) == whole


def test_thresholds_that_are_all_the_same_are_printed(capsys):
    layers = pd.DataFrame({"layer": ["1", "3"], "threshold": ["8.0000"] * 2})
    display.print_table(layers, "nq on norse")
    assert headings(capsys.readouterr().out) == ["layer", "threshold"]


def test_figures_are_whole_on_a_narrow_terminal(capsys, monkeypatch):
    monkeypatch.setattr(display, "console", PlainConsole(width=40))
    name = "a-network-whose-name-is-long-for-a-terminal"
    frame = pd.DataFrame({"name": [name]} | {f"T={t}": [f"{t}7.3"] for t in range(1, 6)})
    display.print_table(frame, "accuracy")
    printed = capsys.readouterr().out
    assert all(len(line) <= 40 for line in printed.splitlines())
    assert all(f"{t}7.3" in printed for t in range(1, 6))
    folded = "".join(line.split(" ")[0] for line in printed.splitlines()[2:])
    assert folded == name


@as_it_is
def test_lines_are_printed_as_they_are(text, capsys):
    display.console.print(f"pip install {text}")
    display.print_paths([Path(text)])
    assert capsys.readouterr().out == f"pip install {text}\n{text}\n"


@as_it_is
def test_tables_are_printed_as_they_are(text, capsys):
    frame = pd.DataFrame({f"a {text}": [f"b {text}", "c"]})
    display.print_table(frame, f"d {text}")
    printed = capsys.readouterr().out
    assert all(f"{name} {text}" in printed for name in "abd")


@as_it_is
def test_progress_in_a_log_is_printed_as_it_is(text, capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    with progress.progress_bars() as announce:
        announce(f"train {text}")(1, 2, f"loss of {text}")
    assert capsys.readouterr().out == f"train {text}\n  1/2 loss of {text}\n"


@as_it_is
def test_progress_on_a_terminal_is_printed_as_it_is(text, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    terminal = Console(file=io.StringIO(), force_terminal=True, width=150)
    monkeypatch.setattr(progress, "console", terminal)
    with progress.progress_bars() as announce:
        announce(f"train {text}")(1, 2, f"loss of {text}")
    printed = terminal.file.getvalue()
    assert f"train {text}" in printed
    assert f"loss of {text}" in printed


def test_time_left_is_that_of_what_was_done_here(monkeypatch):
    now = [100.0]
    left = progress.TimeLeft(lambda: now[0])
    assert left(500, 1000) == ""  # resumed half-way
    now[0] += 10
    assert left(550, 1000) == "1 min 30 s left"
    now[0] += 110
    assert left(1000, 1000) == ""
