"""Augmentation of training images, a whole batch at a time.

The order is that of the QCFS and NQ recipes, whatever order the names are given in: random crop,
flip and AutoAugment on the pixels, then normalisation, then cutout. All randomness comes from the
generator that is passed in, which is of the images' device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from resnoise.config.recipe import AUGMENTATIONS
from resnoise.datasets.autoaugment import autoaugment
from resnoise.errors import ConfigError, DataError

Step = Callable[[Tensor, torch.Generator], Tensor]


def random_crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift every image of [N, C, H, W] within a border of zeros H//8 wide (4 pixels of 32).

    The shift is uniform over all (2·(H//8) + 1)² places, as in torchvision's `RandomCrop`.
    """
    count, _, height, width = images.shape
    border = height // 8
    # Every possible crop is a view: [N, C, 2·border + 1, 2·border + 1, H, W], nothing is copied.
    crops = F.pad(images, (border,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    device = images.device
    top, left = torch.randint(2 * border + 1, (2, count), generator=generator, device=device)
    return crops[torch.arange(count, device=device), :, top, left]


def random_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image of [N, C, H, W] left to right with probability 1/2."""
    flipped = torch.rand(len(images), device=images.device, generator=generator) < 0.5
    return torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)


def cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """Set one square of side H//2 (16 pixels of 32) to zero in each image of [N, C, H, W].

    The centre is uniform over the image, so the square may reach over the border and lose area
    there (DeVries & Taylor 2017, arXiv 1708.04552).
    """
    count, _, height, width = images.shape
    side, device = height // 2, images.device

    def covered(length: int) -> Tensor:
        centre = torch.randint(length, (count, 1), generator=generator, device=device)
        start = centre - side // 2
        places = torch.arange(length, device=device)
        return (places >= start) & (places < start + side)

    square = covered(height).unsqueeze(2) & covered(width).unsqueeze(1)
    return images.masked_fill(square.unsqueeze(1), 0)


ON_PIXELS: dict[str, Step] = {
    "crop": random_crop,
    "flip": random_flip,
    "autoaugment": autoaugment,
}
ON_NORMALISED: dict[str, Step] = {"cutout": cutout}


class Augmentation:
    """The augmentations chosen for one split.

    Args:
        names: from `config.AUGMENTATIONS`; none leaves images as they are.
        channels: of the images: AutoAugment changes colours and needs 3.
    """

    def __init__(self, names: Sequence[str], *, channels: int) -> None:
        unknown = [name for name in names if name not in AUGMENTATIONS]
        if unknown:
            raise ConfigError(
                f"unknown augmentation {unknown[0]!r}; known: {', '.join(AUGMENTATIONS)}"
            )
        if "autoaugment" in names and channels != 3:
            raise DataError(
                "augmentation 'autoaugment' needs colour images with 3 channels, but these have "
                f"{channels}; leave it out"
            )
        self._on_pixels = [step for name, step in ON_PIXELS.items() if name in names]
        self._on_normalised = [step for name, step in ON_NORMALISED.items() if name in names]

    def pixels(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment a uint8 tensor [N, C, H, W] before normalisation."""
        for step in self._on_pixels:
            images = step(images, generator)
        return images

    def normalised(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Augment a float32 tensor [N, C, H, W] after normalisation."""
        for step in self._on_normalised:
            images = step(images, generator)
        return images
