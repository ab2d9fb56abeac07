"""Data sets in three splits: `load` one, iterate over it with `batches`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

from resnoise.config.checks import require_positive_int
from resnoise.datasets import cifar, digits, imagefolder
from resnoise.datasets.data_options import DataOptions
from resnoise.datasets.images import LabelledImages, Normalisation
from resnoise.datasets.loader import Batches, batches
from resnoise.datasets.splits import ImageData, Split
from resnoise.errors import ConfigError, DataError

__all__ = [
    "DATASETS",
    "Batches",
    "DataOptions",
    "ImageData",
    "LabelledImages",
    "Normalisation",
    "Split",
    "batches",
    "load",
    "normalisation",
]

# One line per data set; a key with a colon says that the name is followed by an argument.
DATASETS: dict[str, Callable[[DataOptions, int, Sequence[str]], ImageData]] = {
    "cifar10": cifar.load,
    "cifar100": cifar.load,
    "digits": digits.load,
    "imagefolder:PATH": imagefolder.load,
}


def require_known(options: DataOptions) -> str:
    """The key in `DATASETS` of a data set, to find out before anything is downloaded.

    Raises:
        DataError: there is no such data set.
    """
    key = next((key for key in DATASETS if key.partition(":")[0] == options.kind), None)
    if key is None or bool(options.argument) != (":" in key):
        raise DataError(f"unknown data set {options.dataset!r}; known: {', '.join(DATASETS)}")
    return key


def load(data: DataOptions | str, *, seed: int = 0, augmentation: Sequence[str] = ()) -> ImageData:
    """Load a data set.

    Args:
        data: which one and where from; a name alone stands for `DataOptions(name)`.
        seed: which images are held out for validation; for `digits` also which are for testing.
        augmentation: names from `config.AUGMENTATIONS`, for the training split only.

    Raises:
        DataError: the data set is unknown, missing, incomplete or corrupt.
        ConfigError: the seed or the image size is out of range, or an augmentation unknown.

    Examples:
        >>> len(load("digits", seed=0).test)
        360
    """
    options = DataOptions(data) if isinstance(data, str) else data
    key = require_known(options)
    if not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ConfigError(f"expected `seed` to be an integer from 0 to 2**32 - 1, but got {seed!r}")
    require_positive_int("image_size", options.image_size)
    return DATASETS[key](options, int(seed), augmentation)


def normalisation(dataset: str) -> Normalisation:
    """What turns pixels of a data set into network input, without its files.

    Args:
        dataset: its name, as in a checkpoint.

    Raises:
        DataError: the data set is unknown.

    Examples:
        >>> normalisation("digits").full_scale
        16.0
    """
    kind = DataOptions(dataset).kind
    known = {name: variant.normalise for name, variant in cifar.VARIANTS.items()}
    known |= {"digits": digits.NORMALISE, "imagefolder": imagefolder.NORMALISE}
    if kind not in known:
        raise DataError(f"unknown data set {dataset!r}; known: {', '.join(DATASETS)}")
    return known[kind]
