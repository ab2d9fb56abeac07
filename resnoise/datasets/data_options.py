"""Which data set, where its files are, and how they are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from resnoise.errors import DataError


@dataclass(frozen=True)
class DataOptions:
    """Where a data set comes from: what `resnoise.datasets.load` takes.

    Args:
        dataset: a key of `resnoise.datasets.DATASETS`, in `imagefolder:PATH` with the folder to
            read for `PATH`. However that is written, it is one data set: it becomes absolute, or
            relative to the working directory if it is below it.
        root: folder with downloaded data, or where to put it.
        download: fetch what `root` lacks.
        image_size: side in pixels to which images are resized; digits keep their own.

    Attributes:
        kind: the part of the name before a colon, such as `"imagefolder"`.
        argument: what follows the colon; empty without one.

    Examples:
        >>> DataOptions("imagefolder:/data/photos/").argument
        '/data/photos'
    """

    dataset: str
    root: Path = Path("data")
    download: bool = True
    image_size: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", expanded(Path(self.root)))
        if self.kind == "imagefolder" and self.argument:
            path, here = expanded(Path(self.argument)).absolute(), Path.cwd()
            path = Path(os.path.normpath(path))
            path = path.relative_to(here) if path.is_relative_to(here) else path
            object.__setattr__(self, "dataset", f"{self.kind}:{path}")

    @property
    def kind(self) -> str:
        return self.dataset.partition(":")[0]

    @property
    def argument(self) -> str:
        return self.dataset.partition(":")[2]


def expanded(path: Path) -> Path:
    """`path` with the home folder that a `~` in front stands for.

    Raises:
        DataError: there is no such user.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise DataError(f"expected a folder of data, but got {path}: {error}") from error
