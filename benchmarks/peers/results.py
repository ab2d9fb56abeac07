"""Measured parts, kept as one CSV each with what they were measured on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import torch

from benchmarks.peers.libraries import libraries
from benchmarks.peers.measure import PARTS, Settings
from benchmarks.peers.speed_page import speed_document
from resnoise.errors import ConfigError
from resnoise.records.provenance import provenance
from resnoise.report.csv import csv_text
from resnoise.utils.files import ensure_directory, exclusive, write_text


def measure_speed(
    out: Path, parts: Sequence[str], settings: Settings, announce: Callable[[str], object]
) -> Path:
    """Measure parts, and write the document of all parts that were measured so far.

    Args:
        out: folder for a CSV a part and for `speed.md`.
        parts: names from `PARTS`; a part that is there already is measured anew.
        settings: how thoroughly.
        announce: called with every piece of work.

    Returns:
        Path of the document.

    Raises:
        ConfigError: there is no such part.
        StorageError: `out` cannot be written to.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise ConfigError(f"expected parts to be of {', '.join(PARTS)}, but got {list(parts)}")
    ensure_directory(out)
    facts = _facts()
    document = out / "speed.md"
    for part in parts:
        rows = PARTS[part](settings, lambda text, part=part: announce(f"{part}: {text}"))
        frame = pd.DataFrame(rows).assign(**facts)
        if frame.empty:
            announce(f"{part}: nothing to measure, for want of a library")
            continue
        with exclusive(out):
            write_text(out / f"{part}.csv", csv_text(frame))
            write_text(document, speed_document(_measured(out)))
    return document


def _measured(out: Path) -> dict[str, pd.DataFrame]:
    files = {part: out / f"{part}.csv" for part in PARTS}
    return {part: pd.read_csv(file) for part, file in files.items() if file.exists()}


def _facts() -> dict[str, object]:
    """What the figures of a part depend on, the same in all its lines."""
    where = provenance()
    return {
        "machine": where.machine,
        "threads": torch.get_num_threads(),
        "python": where.python_version,
        **{library: _version(library) for library in libraries()},
        "commit": where.git_commit + "+" * where.git_dirty,
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
