"""The committed reference: figures of a commit, to compare with where no base is at hand."""

from __future__ import annotations

from pathlib import Path

from resnoise.check.measurement import Measurement
from resnoise.config.checks import shown
from resnoise.errors import CheckError
from resnoise.utils.files import exclusive, write_text
from resnoise.utils.reading import JSON_BYTES, read_bytes


def read(path: Path) -> Measurement:
    """Read a reference.

    Raises:
        CheckError: it is missing or damaged.
    """
    try:
        return Measurement.from_json(read_bytes(path, JSON_BYTES).decode())
    except OSError as error:
        raise CheckError(
            f"cannot read the reference {path} ({error.strerror}); restore it from version "
            "control, or make one with `resnoise check --record`"
        ) from error
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise CheckError(
            f"{path} is no reference, or a damaged one ({shown(error)}); restore it from version "
            "control, or make one with `resnoise check --record`"
        ) from error


def describe(measurement: Measurement, path: Path) -> str:
    """What the figures of a reference are, in words: file, commit, versions and machine."""
    known = measurement.provenance
    commit, torch, machine = (
        known.get(name, "?") for name in ("git_commit", "torch_version", "machine")
    )
    return f"{path}, of commit {commit} with torch {torch} on {machine}"


def write(path: Path, measurement: Measurement) -> None:
    """Replace the reference, whole or not at all."""
    with exclusive(path.parent):
        write_text(path, measurement.to_json())
