"""Data sets in three splits: `load` one, iterate over it with `batches`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from resnoise.config import require_positive_int
from resnoise.datasets import cifar, digits, imagefolder
from resnoise.datasets.base import ImageData, LabelledImages, Normalisation, Split
from resnoise.datasets.loader import Batches, batches
from resnoise.datasets.request import Request
from resnoise.errors import ConfigError, DataError

__all__ = [
    "DATASETS",
    "Batches",
    "ImageData",
    "LabelledImages",
    "Normalisation",
    "Split",
    "batches",
    "load",
]

# One line a data set; a key with a colon says that the name is followed by an argument.
DATASETS: dict[str, Callable[[Request], ImageData]] = {
    "cifar10": cifar.load,
    "cifar100": cifar.load,
    "digits": digits.load,
    "imagefolder:PATH": imagefolder.load,
}


def load(
    name: str,
    *,
    root: Path | str = Path("data"),
    download: bool = True,
    seed: int = 0,
    augmentation: Sequence[str] = (),
    image_size: int = 32,
) -> ImageData:
    """Load a data set.

    Args:
        name: a key of `DATASETS`, in `imagefolder:PATH` with the folder to read for `PATH`.
        root: folder with downloaded data, or where to put it.
        download: fetch what `root` lacks.
        seed: which images are held out for validation; for `digits` also which are for testing.
        augmentation: names from `config.AUGMENTATIONS`, for the training split only.
        image_size: side in pixels to which `imagefolder` resizes; the others have their own size.

    Raises:
        DataError: the data set is unknown, missing, incomplete or corrupt.
        ConfigError: the seed or the image size is out of range, or an augmentation unknown.
    """
    kind, _, argument = name.partition(":")
    key = next((key for key in DATASETS if key.partition(":")[0] == kind), None)
    if key is None or bool(argument) != (":" in key):
        raise DataError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ConfigError(f"expected `seed` to be an integer from 0 to 2**32 - 1, but got {seed!r}")
    require_positive_int("image_size", image_size)
    request = Request(
        name=name,
        kind=kind,
        argument=argument,
        root=Path(root).expanduser(),
        download=download,
        seed=seed,
        augmentation=tuple(augmentation),
        image_size=image_size,
    )
    return DATASETS[key](request)
