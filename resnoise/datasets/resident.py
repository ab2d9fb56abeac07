"""Batches of a split whose images stay on a device, augmented there, an epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from resnoise.datasets.loader import Batches, Order, batches
from resnoise.datasets.splits import Split
from resnoise.utils import device as devices

# Augmentation has some ten float32 copies of a piece at a time.
PIECE_BYTES = 2**26
# What an epoch may take of the free memory of a device, and leave the rest to the training.
SHARE_OF_MEMORY = 0.25


class ResidentBatches:
    """As `Batches`, without a transfer, and the whole pass augmented when it begins.

    The order of the images is that of `Batches`; their augmentation is drawn on the device.

    Args:
        split: its pixels have to be in memory.
        order: which images each batch has.
        device: where they stay.
        layout: memory layout of the images.

    Examples:
        >>> from resnoise.datasets import load
        >>> split = load("digits").validation
        >>> resident = ResidentBatches(split, Order(len(split), 100, None), torch.device("cpu"))
        >>> images, labels = next(iter(resident))
        >>> images.shape, labels.shape
        (torch.Size([100, 1, 8, 8]), torch.Size([100]))
    """

    def __init__(
        self,
        split: Split,
        order: Order,
        device: torch.device,
        layout: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.split = split
        self._order = order
        self._layout = layout
        self._pixels = split.stored().to(device)
        self._labels = torch.from_numpy(split.labels).to(device)
        # Drawn from the order's generator, so it needs no state of its own.
        self._generator = None if order.generator is None else torch.Generator(device)
        # Without augmentation every pass is the same.
        self._images = None if self._generator is not None else self._prepared()

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        plans = list(self._order)
        images, labels = self._images, self._labels
        if self._generator is not None:
            self._generator.manual_seed(plans[0][1])
            order = torch.tensor([i for indices, _ in plans for i in indices]).to(labels.device)
            images, labels = self._prepared()[order], labels[order]
        sizes = [len(indices) for indices, _ in plans]
        yield from zip(images.split(sizes), labels.split(sizes), strict=True)

    def _prepared(self) -> Tensor:
        """All images, float32 [N, C, H, W], augmented if there is a generator."""
        piece = max(1, PIECE_BYTES // (4 * self._pixels[0].numel()))
        images = torch.empty_like(self._pixels, dtype=torch.float32, memory_format=self._layout)
        for pixels, out in zip(self._pixels.split(piece), images.split(piece), strict=True):
            out.copy_(self.split.prepared(pixels, self._generator))
        return images


AnyBatches = Batches | ResidentBatches


def batches_on(
    device: torch.device,
    split: Split,
    batch_size: int,
    layout: torch.memory_format,
    *,
    generator: torch.Generator | None = None,
    workers: int = 0,
) -> AnyBatches:
    """Batches of a split for a training on `device`, there from the start if they fit.

    On a CPU, and where images are read from files, they are those of `batches`; arguments are, too.
    """
    order = Order(len(split), batch_size, generator)
    if devices.is_accelerator(device) and fits(split, device):
        return ResidentBatches(split, order, device, layout)
    return batches(split, batch_size, generator=generator, workers=workers)


def fits(split: Split, device: torch.device) -> bool:
    """Whether a split is in memory, and small enough for that of an accelerator."""
    pixels = split.stored()
    if pixels is None:
        return False
    # The bytes, and float32 images before and after they are put in order.
    return pixels.numel() * (1 + 2 * 4) <= SHARE_OF_MEMORY * devices.free_bytes(device)
