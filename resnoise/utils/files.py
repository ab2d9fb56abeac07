"""Files that are written whole or not at all, by one process at a time, and their names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resnoise.errors import StorageError


def slug(dataset: str) -> str:
    """`dataset` without the characters that folders and drives use."""
    return dataset.replace(":", "-").replace("/", "-").replace("\\", "-")


try:
    import fcntl
except ImportError:  # Windows: files are still replaced whole, writers are not queued
    fcntl = None


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
    if path.is_dir():
        raise StorageError(f"expected a file to write, but {path} is a directory; name a file")
    ensure_directory(path.parent)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the only lock on `directory`, waiting for other processes that hold it.

    The lock is on the directory itself, so it leaves no file behind and ends with its process.
    It is not re-entrant.
    """
    ensure_directory(directory)
    if fcntl is None:
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
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
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
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
