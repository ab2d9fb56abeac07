"""What the suites measure on: networks with freshly drawn weights, random images and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from asv_runner.benchmarks.mark import SkipNotImplemented
from torch import Tensor, fx

from .common import public

if TYPE_CHECKING:
    from resnoise.datasets import ImageData


def image_shape(architecture: str) -> tuple[int, int, int]:
    """Shape of the images that an architecture is measured on."""
    return (1, 8, 8) if architecture == "digits-cnn" else (3, 32, 32)


def source_network(architecture: str) -> fx.GraphModule:
    """A source network with freshly drawn weights."""
    shape = image_shape(architecture)
    return public("prepare")(public("models").build(architecture, classes=10, shape=shape)).eval()


def random_images(architecture: str, batch: int) -> Tensor:
    """Images for an architecture, `[N, C, H, W]`."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((batch, *image_shape(architecture)), generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def random_data(
    architecture: str, train: int, validation: int, augmentation: tuple[str, ...] = ()
) -> ImageData:
    """A data set of random bytes, in splits of the given sizes."""
    shape = image_shape(architecture)
    count = train + validation
    generator = torch.Generator().manual_seed(0)
    classes = tuple(str(digit) for digit in range(10))
    images = public("datasets.LabelledImages")(
        torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator),
        np.arange(count) % len(classes),
        classes,
        public("datasets.Normalisation")((0.5,) * shape[0], (0.25,) * shape[0]),
    )
    split, positions = public("datasets.Split"), np.arange(count)
    held_out = split(images, positions[train:])
    return public("datasets.ImageData")(
        name="random",
        classes=classes,
        shape=shape,
        train=split(images, positions[:train], augmentation),
        validation=held_out,
        test=held_out,
        sha256="0" * 64,
    )


def peak_memory(function: Callable[[], object]) -> float:
    """Peak memory of a call in MiB; skips where the system does not tell."""
    peak = public("metrics.peak_memory_mib")(function, "cpu")
    if peak is None:
        raise SkipNotImplemented("this system does not tell the peak of a process's memory")
    return peak
