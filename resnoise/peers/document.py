"""The measured speed as one Markdown document."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import pandas as pd
import torch

from resnoise.peers.measure import Settings
from resnoise.provenance import provenance
from resnoise.report.render import markdown_table
from resnoise.report.table import Table, cells, significant

LIBRARIES = ("torch", "norse", "snntorch", "spikingjelly")


def speed_document(frames: dict[str, pd.DataFrame], settings: Settings) -> str:
    """All tables with machine, threads and versions.

    Args:
        frames: from `resnoise.peers.measure_speed`.
        settings: how they were measured.
    """
    where = provenance()
    dirty = ", with changes that are in no commit" if where.git_dirty else ""
    facts = [
        f"{where.machine}, {torch.get_num_threads()} threads, Python {where.python_version}",
        ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        f"commit {where.git_commit[:12] or 'unknown'}{dirty}",
    ]
    parts = ["# Speed", "".join(f"- {fact}\n" for fact in facts)]
    contest = (
        "R(T) is the time of the simulation over T forward passes of the same network with "
        "BatchNorm folded and plain ReLUs, through torch.compile where the contestant is. "
        f"Medians of turns in one process, ± interquartile range ({settings.repeats} turns)."
    )
    batch, timesteps = settings.batch, settings.timesteps
    parts += [
        markdown_table(table)
        for table in (
            _contest(frames["simulation"], f"{batch} images, T = {timesteps}", [contest, _MOVED]),
            _contest(frames["one image"], "One image, T = 4", [contest]),
            _memory(frames["memory"], f"Peak memory of {batch} images, reference backend"),
            _training(frames["training"]),
            _direct(frames["direct training"]),
        )
        if table.rows
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


_MOVED = (
    "Predictions that differ from those of the reference backend come from rounding: a peer adds "
    "up in another order, keeps BatchNorm unfolded or fires above the threshold only, and "
    "networks of random weights have logits close together."
)


def _contest(frame: pd.DataFrame, title: str, notes: Sequence[str]) -> Table:
    columns = (
        "network",
        "contestant",
        "ms",
        "± ms",
        "over one forward pass",
        "R(T)",
        "times as long as ours",
        "other predictions",
    )
    rows = [
        cells(
            line.architecture,
            line.contestant,
            significant(line.milliseconds),
            significant(line.iqr, 2),
            significant(line.ratio),
            significant(line.overhead),
            significant(line.times_as_long),
            line.moved,
        )
        for line in frame.itertuples()
    ]
    return Table("contest", title, columns, rows, labels=2, notes=list(notes))


def _memory(frame: pd.DataFrame, title: str) -> Table:
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


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
