"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), read and checked by torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from resnoise.datasets.data_options import DataOptions
from resnoise.datasets.images import LabelledImages, Normalisation, PixelSource, hash_arrays
from resnoise.datasets.resized import Resized
from resnoise.datasets.splits import ImageData, deal
from resnoise.datasets.torchvision_compat import import_torchvision
from resnoise.errors import DataError, StorageError
from resnoise.utils.files import exclusive
from resnoise.utils.reading import require_regular

SIDE = 32
"""Of the images as they are stored."""


@dataclass(frozen=True)
class Variant:
    """One of the two data sets: torchvision's class for it and its pixel statistics."""

    class_name: str
    normalise: Normalisation


# Mean and standard deviation of pixel / 255 over the 50,000 training images.
VARIANTS = {
    "cifar10": Variant(
        "CIFAR10", Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    ),
    "cifar100": Variant(
        "CIFAR100", Normalisation((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
    ),
}


def load(options: DataOptions, seed: int, augmentation: Sequence[str]) -> ImageData:
    """50,000 images for training and validation, the 10,000 test images as test split."""
    variant = VARIANTS[options.kind]
    import_torchvision()
    from torchvision import datasets

    source = getattr(datasets, variant.class_name)
    try:
        require_regular(options.root / source.base_folder / name for name, _ in _files(source))
        parts = _read_or_download(options, source)
    except (OSError, RuntimeError, HTTPException, StorageError) as error:
        raise _explained(options, source, error) from error
    pools = [
        LabelledImages(
            pixels=_of_size(torch.from_numpy(part.data), options.image_size),
            labels=np.array(part.targets, dtype=np.int64),
            classes=tuple(part.classes),
            normalise=variant.normalise,
        )
        for part in parts
    ]
    development, test = pools
    return deal(
        options,
        seed,
        augmentation,
        development,
        test,
        development_positions=np.arange(len(development.labels)),
        test_positions=np.arange(len(test.labels)),
        shape=(3, options.image_size, options.image_size),
        sha256=hash_arrays(*(a for part in parts for a in _stored(part))),
    )


def _of_size(data: Tensor, size: int) -> PixelSource:
    """Images `[M, 32, 32, C]` as `[M, C, size, size]`."""
    pixels = data.permute(0, 3, 1, 2).contiguous()
    return pixels if size == SIDE else Resized(pixels, size)


def _stored(part: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, which are hashed whatever size the images are read in."""
    return part.data.transpose(0, 3, 1, 2), np.array(part.targets, dtype=np.int64)


def _read_or_download(options: DataOptions, source: Any) -> list[Any]:
    """Training and test part; of the processes that lack them one downloads, the others wait."""
    try:
        return _read(options, source, download=False)
    except RuntimeError:
        if not options.download:
            raise
    # Only now, so that data that are there may lie where nobody can write.
    with exclusive(options.root):
        return _read(options, source, download=True)


def _read(options: DataOptions, source: Any, *, download: bool) -> list[Any]:
    return [source(options.root, train=train, download=download) for train in (True, False)]


def _files(source: Any) -> list[tuple[str, str]]:
    """Each file that torchvision wants, and its MD5 sum."""
    return [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]


def _is_intact(path: Path, md5: str) -> bool:
    from torchvision.datasets.utils import check_integrity

    return path.is_file() and check_integrity(path, md5)


def _explained(options: DataOptions, source: Any, error: Exception) -> DataError:
    """Say which of the files torchvision wants is missing or corrupt, and what to do about it."""
    folder = Path(options.root) / source.base_folder
    broken = [name for name, md5 in _files(source) if not _is_intact(folder / name, md5)]
    corrupt = [name for name in broken if (folder / name).exists()]
    if corrupt:
        problem = f"{corrupt[0]} in {folder} is corrupt: its MD5 sum is not the published one"
        advice = f"delete {folder} and load again with `download`"
    else:
        problem = f"expected {', '.join(broken)} in {folder}, but did not find them"
        advice = "load with `download`"
    if options.download:
        problem += f"; downloading {source.url} to {options.root} failed: {error}"
        advice = f"check the network and that {options.root} can be written"
    return DataError(
        f"{options.dataset}: {problem}; {advice}, or download {source.url} yourself and unpack it "
        f"in {options.root}"
    )
