"""Data for benchmarks that need the shape of CIFAR-10 and not its content."""

from __future__ import annotations

import numpy as np
import torch

from resnoise.datasets import ImageData, LabelledImages, Normalisation, Split

CLASSES = tuple(str(digit) for digit in range(10))


def random_images(train: int, validation: int) -> ImageData:
    """Random bytes as 32 x 32 colour images, in splits of the given sizes."""
    count = train + validation
    generator = torch.Generator().manual_seed(0)
    images = LabelledImages(
        torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator),
        np.arange(count) % len(CLASSES),
        CLASSES,
        Normalisation((0.5,) * 3, (0.25,) * 3),
    )
    positions = np.arange(count)
    held_out = Split(images, positions[train:])
    return ImageData(
        name="random",
        classes=CLASSES,
        shape=(3, 32, 32),
        train=Split(images, positions[:train]),
        validation=held_out,
        test=held_out,
        sha256="0" * 64,
    )
