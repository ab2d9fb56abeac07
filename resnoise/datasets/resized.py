"""Images of another size than they are stored in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Resized:
    """Stored images that are resized when they are read, bilinearly, without aliasing.

    A network that was trained on larger images is fine-tuned on small ones at a size between.

    Args:
        pixels: the images, uint8 tensor of shape `[M, C, H, W]`.
        size: side in pixels of what is read.

    Examples:
        >>> Resized(torch.zeros(5, 3, 32, 32, dtype=torch.uint8), 64)[torch.tensor([0, 3])].shape
        torch.Size([2, 3, 64, 64])
    """

    pixels: Tensor
    size: int

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, positions: Tensor) -> Tensor:
        images = self.pixels[positions].float()
        size = (self.size, self.size)
        resized = F.interpolate(images, size, mode="bilinear", antialias=True)
        return resized.round_().to(torch.uint8)
