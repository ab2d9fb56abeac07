"""Which files of a folder are its images: each file once, and none that a program put there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from resnoise.errors import DataError

_FROM_MACS = "__MACOSX"


class Listing(NamedTuple):
    """The images of one part of a data set.

    Attributes:
        classes: names of the folders, in their order.
        samples: path and class of each image.
        left_out: how many files or folders were left out, by reason.
    """

    classes: tuple[str, ...]
    samples: list[tuple[str, int]]
    left_out: Counter[str]


def list_images(folder: Path, taken: set[tuple[int, int]]) -> Listing:
    """The images below `folder`, which holds one folder of them a class.

    Hidden files and folders are left out, and of a file that is there several times, through links,
    all but the first.

    Args:
        folder: the part's folder.
        taken: files that are taken already, each by device and number; those found are added.

    Raises:
        DataError: there is no such folder, no class in it, or a class without images of its own.
    """
    require_folder(folder)
    left_out: Counter[str] = Counter()
    classes = sorted(_shown([path.name for path in folder.iterdir() if path.is_dir()], left_out))
    samples, empty = [], []
    for label, name in enumerate(classes):
        found = [(path, label) for path in _files(folder / name, taken, left_out)]
        samples += found
        if not found:
            empty.append(name)
    if empty or not classes:
        which = f", but got none in {', '.join(empty)}" if empty else ", but got no such folder"
        told = f" ({describe(left_out)} left out)" if left_out else ""
        raise DataError(
            f"expected {folder} to hold one folder of images per class, in a format of "
            f"{', '.join(_extensions())}{which}{told}"
        )
    return Listing(tuple(classes), samples, left_out)


def require_folder(folder: Path) -> None:
    """Raise `DataError` unless there is a folder."""
    if not folder.is_dir():
        raise DataError(
            f"expected a folder {folder} with one folder of images per class, but there is none"
        )


def describe(left_out: Counter[str]) -> str:
    """What was left out, in words."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))


def _extensions() -> tuple[str, ...]:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    return IMG_EXTENSIONS


def _shown(names: list[str], left_out: Counter[str]) -> list[str]:
    shown = [name for name in names if not name.startswith(".") and name != _FROM_MACS]
    if len(shown) < len(names):
        left_out["hidden"] += len(names) - len(shown)
    return shown


def _files(folder: Path, taken: set[tuple[int, int]], left_out: Counter[str]) -> Iterator[str]:
    """Image files below a folder, sorted, through links too, each file once."""
    for path in _paths(folder, left_out):
        try:
            status = os.stat(path)
        except OSError as error:
            raise DataError(f"cannot read image {path}: {error.strerror}") from error
        identity = (status.st_dev, status.st_ino)
        if identity in taken:
            left_out["linked twice"] += 1
        else:
            taken.add(identity)
            yield path


def _paths(folder: Path, left_out: Counter[str]) -> list[str]:
    visited: set[str] = set()
    found = []
    for root, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in visited:  # a link back to where it is in
            left_out["linked twice"] += 1
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(_shown(folders, left_out))
        images = [name for name in names if name.lower().endswith(_extensions())]
        found += [(root, name) for name in _shown(images, left_out)]
    return [os.path.join(root, name) for root, name in sorted(found)]
