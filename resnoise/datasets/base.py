"""What every data set gives: three splits of labelled images and what identifies them.

Pixels stay unsigned bytes until a batch is read; augmentation and normalisation work on whole
batches, so a split is read with `Split.batch`, or through `resnoise.datasets.batches`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from resnoise.datasets.augment import Augmentation
from resnoise.errors import DataError


class PixelSource(Protocol):
    """Images by position; a uint8 tensor [M, C, H, W] is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Tensor) -> Tensor:
        """The images at `positions` [N], a uint8 tensor [N, C, H, W]."""


@dataclass(frozen=True)
class Normalisation:
    """From stored bytes to network input, `(pixel / full_scale − mean) / std` per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    full_scale: float = 255.0

    def __call__(self, pixels: Tensor) -> Tensor:
        """Normalise a uint8 tensor [N, C, H, W] to a float32 tensor of the same shape."""
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return pixels.float().div_(self.full_scale).sub_(mean).div_(std)


@dataclass(frozen=True)
class LabelledImages:
    """M images that splits pick from.

    Args:
        pixels: the images, in the order of the original data set.
        labels: int64 array [M] of their classes.
        classes: the classes' names in the order of the labels.
        normalise: turns pixels into network input.
    """

    pixels: PixelSource
    labels: np.ndarray
    classes: tuple[str, ...]
    normalise: Normalisation

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.labels):
            raise DataError(
                f"expected one label an image, but got {len(self.labels)} labels "
                f"for {len(self.pixels)} images"
            )
        outside = self.labels[(self.labels < 0) | (self.labels >= len(self.classes))]
        if outside.size:
            raise DataError(
                f"expected every label to be one of 0 to {len(self.classes) - 1}, "
                f"for {len(self.classes)} classes, but got {outside[0]}"
            )


class Split(Dataset):
    """Some of the images of a data set.

    Args:
        images: what the split picks from.
        positions: which images, int64 array [N].
        augmentation: names from `config.AUGMENTATIONS`; applied only where a generator is given.

    Attributes:
        positions: as given.
        labels: int64 array [N].
    """

    def __init__(
        self, images: LabelledImages, positions: np.ndarray, augmentation: Sequence[str] = ()
    ) -> None:
        self.positions = positions
        self.labels = images.labels[positions]
        self._pixels = images.pixels
        self._normalise = images.normalise
        self._augmentation = Augmentation(augmentation, channels=len(images.normalise.mean))

    def __len__(self) -> int:
        return len(self.positions)

    def batch(
        self, indices: Sequence[int], generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Images, float32 [N, C, H, W], and labels, int64 [N], at `indices` of this split.

        Images are augmented, if the split has an augmentation, only when a generator is given;
        what comes back depends on nothing but `indices` and the generator's state.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        pixels = self._pixels[torch.from_numpy(self.positions[chosen])]
        labels = torch.from_numpy(self.labels[chosen])
        if generator is None:
            return self._normalise(pixels), labels
        images = self._normalise(self._augmentation.pixels(pixels, generator))
        return self._augmentation.normalised(images, generator), labels

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One image without augmentation, float32 [C, H, W], and its label."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int]]:
        """Several images without augmentation, read at once: what torch's `DataLoader` calls."""
        images, labels = self.batch(indices)
        return list(zip(images, labels.tolist(), strict=True))


@dataclass(frozen=True)
class ImageData:
    """A data set in three splits.

    Args:
        name: as given to `resnoise.datasets.load`.
        classes: names in the order of the labels.
        shape: (C, H, W) of every image.
        train: the training split, the only one that is augmented.
        validation: held out of the training images; for choosing epochs and noise induction.
        test: for reporting only.
        sha256: hash of the images and labels of the whole data set, whatever the seed.
        seed: that dealt the images out to the splits; None for splits of your own.

    Raises:
        DataError: there are fewer than two images to train on, of which BatchNorm takes statistics,
            or there is none to validate with, or the hash is none.
    """

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train: Split
    validation: Split
    test: Split
    sha256: str
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, split, least in (("train", self.train, 2), ("validation", self.validation, 1)):
            if len(split) < least:
                raise DataError(
                    f"expected split {name} of {self.name} to have {least} or more images, but got "
                    f"{len(split)}"
                )
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise DataError(
                f"expected the SHA-256 of {self.name} as 64 hexadecimal digits, such as "
                f"hash_arrays gives, but got {self.sha256!r}"
            )

    @property
    def test_ids(self) -> np.ndarray:
        """Position of each test image in the original data set, int64 [N].

        Pairs the predictions of several methods and pools the folds of a cross-validation.
        """
        return self.test.positions

    def calibration(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` different training images (all, if there are fewer), not augmented.

        Returns a float32 tensor [count, C, H, W].
        """
        indices = torch.randperm(len(self.train), generator=generator)[:count]
        return self.train.batch(indices.tolist())[0]


def hash_arrays(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' shapes, types and values."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
