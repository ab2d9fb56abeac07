"""Files that somebody else may have written: read whole, up to a size, and only regular ones.

A pipe in place of a file would be waited for without end, and a device or a huge file would fill
the memory.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MIB = 2**20
JSON_BYTES = 32 * MIB
"""Largest JSON file that is read: read by Python it takes some twenty times its size in memory."""
WEIGHTS_BYTES = 16 * 1024 * MIB
"""Largest file of weights."""
DEEPEST = 100
"""Levels of lists and objects in one another; ours have fewer than ten."""
_TOO_DEEP = f"nested more than {DEEPEST} levels deep"


def read_bytes(path: Path, at_most: int) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it cannot be read, is no regular file, or has more bytes than `at_most`.
    """
    # Without waiting, else opening a pipe waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        _require_regular(os.fstat(descriptor))
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, f"larger than {at_most // MIB} MiB")
    return content


def require_regular(paths: Iterable[Path | str]) -> None:
    """Raise `OSError` with its path if one is there and is no regular file; links are followed."""
    for path in paths:
        try:
            _require_regular(os.stat(path), path)
        except FileNotFoundError:
            continue


def parse_json(text: str | bytes) -> Any:
    """What JSON says.

    Raises:
        ValueError: it is no JSON, or nobody's: nested deeper than `DEEPEST`, or with an integer of
            thousands of digits. The message is one line.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error}") from error
    _require_shallow(content)
    return content


def _require_regular(found: os.stat_result, path: Path | str | None = None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)


def _require_shallow(content: Any) -> None:
    level = [content]
    for _ in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, list | dict)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
