"""The measured speed as one Markdown document."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from benchmarks.peers.libraries import libraries
from resnoise.report.markup import markdown_table
from resnoise.report.table import Table, cells, significant


def speed_document(frames: dict[str, pd.DataFrame]) -> str:
    """All tables, each with machine, threads and versions.

    Args:
        frames: what was measured, by the names of `benchmarks.peers.measure.PARTS`.
    """
    tables: dict[str, Callable[[pd.DataFrame], Table]] = {
        "simulation": _simulation,
        "image": _image,
        "memory": _memory,
        "training": _training,
        "direct": _direct,
    }
    parts = ["# Speed"]
    for name, frame in frames.items():
        table = tables[name](frame)
        table.notes.append(_measured_on(frame.iloc[0]))
        parts.append(markdown_table(table, heading="##"))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _measured_on(facts: pd.Series) -> str:
    # One that was measured before a library became a implementation does not have it.
    versions = ", ".join(f"{name} {facts[name]}" for name in libraries() if name in facts)
    commit = str(facts.commit)
    state = ", with changes that are in no commit" if commit.endswith("+") else ""
    return (
        f"Measured on {facts.machine}, {facts.threads} threads, Python {facts.python}, {versions}, "
        f"commit {commit[:12]}{state}."
    )


_RATIO = (
    "R(T) is the time of the simulation over T forward passes of the same network with BatchNorm "
    "folded and plain ReLUs, through torch.compile where the implementation is. Medians of turns "
    "in one process, ± interquartile range."
)
_MOVED = (
    "Predictions that differ from those of the reference backend come from rounding: a peer adds "
    "up in another order, keeps BatchNorm unfolded or fires above the threshold only, and "
    "networks of random weights have logits close together."
)


def _simulation(frame: pd.DataFrame) -> Table:
    title = f"{frame.batch[0]} images, T = {frame.timesteps[0]}"
    return _timings(frame, "simulation", title, [_RATIO, _MOVED])


def _image(frame: pd.DataFrame) -> Table:
    return _timings(frame, "image", f"One image, T = {frame.timesteps[0]}", [_RATIO])


def _timings(frame: pd.DataFrame, name: str, title: str, notes: list[str]) -> Table:
    columns = (
        "network",
        "implementation",
        "ms",
        "± ms",
        "over one forward pass",
        "R(T)",
        "times as long as ours",
        "as ours, compiled",
        "other predictions",
    )
    rows = [
        cells(
            line.architecture,
            line.implementation,
            significant(line.milliseconds),
            significant(line.iqr, 2),
            significant(line.ratio),
            significant(line.overhead),
            significant(line.times_as_long),
            significant(line.times_as_long_compiled),
            line.moved,
        )
        for line in frame.itertuples()
    ]
    return Table(name, title, columns, rows, labels=2, notes=notes)


def _memory(frame: pd.DataFrame) -> Table:
    title = f"Peak memory of {frame.batch[0]} images, reference backend"
    steps = [name for name in frame.columns if name.startswith("T=")]
    columns = ("network", *(f"{name}, MiB" for name in steps), "ratio")
    rows = [
        cells(
            line["architecture"],
            *(significant(line[name]) for name in steps),
            significant(line["ratio"]),
        )
        for _, line in frame.iterrows()
    ]
    return Table("memory", title, columns, rows)


def _training(frame: pd.DataFrame) -> Table:
    columns = ("network", "arithmetic", "compiled", "QCFS, s", "NQ, s", "NQ over QCFS")
    rows = [
        cells(
            line.architecture,
            "bf16" if line.bf16 else "fp32",
            "yes" if line.compiled else "no",
            significant(line.qcfs),
            significant(line.nq),
            significant(line.ratio),
        )
        for line in frame.itertuples()
    ]
    note = (
        "An epoch of 45,000 training and 5,000 validation images of 32 x 32 pixels at batch 128, "
        "scaled up from a few steps and the same share of validation; the residual error is "
        "induced in both."
    )
    return Table("training", "Seconds an epoch", columns, rows, labels=3, notes=[note])


def _direct(frame: pd.DataFrame) -> Table:
    columns = ("backend", "T", "s", "MiB", "s, checkpointed", "MiB, checkpointed")
    rows = [
        cells(
            line.backend,
            line.timesteps,
            significant(line.seconds),
            significant(line.mebibytes),
            significant(line.seconds_checkpointed),
            significant(line.mebibytes_checkpointed),
        )
        for line in frame.itertuples()
    ]
    note = (
        "ResNet-20, bf16, one step of 128 images and the validation of 14; checkpointed is "
        "`--checkpoint-time`."
    )
    return Table("direct", "Direct training through time", columns, rows, notes=[note])
