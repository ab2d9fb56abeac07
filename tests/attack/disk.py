"""A disk that fills: at every write in turn, or for good where a small one can be mounted."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from resnoise.errors import StorageError
from resnoise.training import checkpoint
from tests.attack.ground import Ground
from tests.attack.kills import train
from tests.attack.outcome import call

WRITES = 14  # of a training of four epochs, and some that never come


def attacks(folder: Path, ground: Ground) -> Iterator[tuple[str, list[str]]]:
    """Each attack by name, with what is wrong, a line each."""
    for number in range(WRITES):
        yield f"full at write {number} of a training", list(_fill_training(folder, number))
    for command in (
        ["report", "records"],
        ["convert", "checkpoint/best.json", "--out", "new.safetensors"],
        ["evaluate", "checkpoint/best.json", "--timesteps", "1", "--out", "new"],
    ):
        ground.renew()
        with _full_after(0):
            outcome = call(command, cwd=ground.inside)
        faults = outcome.faults()
        if outcome.status != 1 or "No space left" not in outcome.stderr:
            faults.append(f"not told: {outcome.stderr[:200]}")
        yield f"full during {command[0]}", faults
    with _small_disk(folder / "small") as disk:
        if disk is not None:
            yield "a disk of 300 KiB", list(_train_on(disk))


def _fill_training(folder: Path, number: int) -> Iterator[str]:
    runs = folder / f"full-{number}"
    try:
        with _full_after(number):
            train(runs)
    except StorageError as error:
        if "No space left" not in str(error) or "\n" in str(error):
            yield f"not told: {error}"
    for path in runs.rglob("*.json"):
        checkpoint.read(path)
    if left := list(runs.rglob(".*.tmp")):
        yield f"left behind: {left[0].name}"
    best = checkpoint.read_info(train(runs))
    if len(best.history) != 4:
        yield f"resumes to epoch {len(best.history)} of 4"


def _train_on(disk: Path) -> Iterator[str]:
    filler = disk / "filler"
    filler.write_bytes(bytes(150 * 1024))
    try:
        train(disk / "runs")
        yield "did not fill"
    except StorageError as error:
        if "No space left" not in str(error):
            yield f"not told: {error}"
    for path in (disk / "runs").rglob("*.json"):
        checkpoint.read(path)


@contextmanager
def _full_after(writes: int) -> Iterator[None]:
    """Within the context, so many files can be written; at the next one the disk is full."""
    left = writes
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal left
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left -= 1
        sync(descriptor)

    with mock.patch.object(os, "fsync", fsync):
        yield


@contextmanager
def _small_disk(place: Path) -> Iterator[Path | None]:
    """A small disk of memory, or None where nobody may mount one."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=300k", "none", str(place)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
