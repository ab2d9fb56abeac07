"""What every data set gives: three splits of labelled images and what identifies them.

Pixels stay unsigned bytes until a batch is read; augmentation and normalisation work on whole
batches, so a split is read with `Split.batch`, or through `resnoise.datasets.batches`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

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
        mean, std = (
            torch.tensor(values, device=pixels.device).view(-1, 1, 1)
            for values in (self.mean, self.std)
        )
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


def hash_arrays(*arrays: np.ndarray) -> str:
    """SHA-256 of the arrays' shapes, types and values."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
