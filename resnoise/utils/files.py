"""Files that are written whole or not at all, by one process at a time, and their names."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resnoise.config.deadline import Deadline
from resnoise.errors import ConfigError, StorageError
from resnoise.utils.text import is_plain

try:
    import fcntl
except ImportError:  # Windows: files are still replaced whole, writers are not queued
    fcntl = None

SECONDS_BETWEEN_TRIES = 0.2
"""To get a lock, where there is a deadline to look at."""
LONGEST_SLUG = 200
"""Bytes: file systems take 255, of which an ending and a temporary file's name need some."""
_HASHED = 12


def slug(name: str) -> str:
    """`name` as the name of one file or folder, which stays in the folder that it is put in.

    Separators of folders and drives become hyphens, and what is too long ends in a hash of the
    whole, so that different names stay different.

    Raises:
        ConfigError: it is empty, begins with a dot, or has characters that no name should have.

    Examples:
        >>> slug("imagefolder:photos/cats")
        'imagefolder-photos-cats'
    """
    if not name or name.startswith(".") or not is_plain(name):
        raise ConfigError(
            "expected a name that a file can have, without control characters and a dot in "
            f"front, but got {name[:LONGEST_SLUG]!r}; choose another"
        )
    plain = name.replace(":", "-").replace("/", "-").replace("\\", "-")
    encoded = plain.encode()
    if len(encoded) <= LONGEST_SLUG:
        return plain
    kept = encoded[: LONGEST_SLUG - _HASHED - 1].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(encoded).hexdigest()[:_HASHED]}"


def ensure_directory(directory: Path) -> None:
    """Make `directory`, or raise `StorageError` if it cannot be made or written to."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the directory {directory} ({error.strerror}); "
            "name a directory that does not exist yet or that you may write to"
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write to the directory {directory}; name one that you may")


def ensure_file(path: Path) -> None:
    """Make the directory of `path`, or raise `StorageError` if no file can be written there."""
    if os.path.isdir(path):  # "." has no name to put a temporary file beside
        raise StorageError(f"expected a file to write, but {path} is a directory; name a file")
    ensure_directory(path.parent)
    try:
        os.lstat(_temporary(path))  # which has the longer name of the two
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StorageError(f"cannot write {path} ({error.strerror}); name another file") from error
    if path.exists() and not path.is_file():
        raise StorageError(f"expected a file to write, but {path} is none; name a file")


@contextmanager
def exclusive(directory: Path, deadline: Deadline | None = None) -> Iterator[None]:
    """Hold the only lock on `directory`, waiting for other processes that hold it.

    The lock is on the directory itself, so it leaves no file behind and ends with its process.
    It is not re-entrant.

    Args:
        directory: made if it is not there.
        deadline: after which it is waited for no longer; None waits until the lock is free.

    Raises:
        Stopped: the deadline came first.
        StorageError: the directory cannot be made.
    """
    ensure_directory(directory)
    if fcntl is None:
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        _lock(descriptor, directory, deadline)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path, deadline: Deadline | None) -> None:
    if deadline is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        deadline.require(0.0, f"another process still works in {directory}")
        time.sleep(SECONDS_BETWEEN_TRIES)


@contextmanager
def alone(lock: Path, place: Path) -> Iterator[None]:
    """Hold a lock without waiting for it; the file stays, for the next to hold.

    Args:
        lock: file to lock, made if it is not there.
        place: what it stands for.

    Raises:
        StorageError: another process holds it.
    """
    ensure_directory(lock.parent)
    if fcntl is None:
        yield
        return
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StorageError(
            f"another process writes to {place}; wait until it ends, or use another `out`"
        ) from error
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8, see `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data`; a reader, or a kill at any moment, sees the old or the new file.

    The temporary file has one fixed name, so what a killed process left is overwritten by the
    next write. Call it while holding `exclusive(path.parent)`.
    """
    temporary = _temporary(path)
    try:
        # Made anew: a link or a pipe of this name would lead elsewhere, or wait for a reader.
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise StorageError(
            f"cannot write {path} ({error.strerror}); nothing was changed: "
            "free space, or name a directory that you may write to"
        ) from error


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")
