"""Batches of a split, the same for any number of worker processes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resnoise.config.checks import require_positive_int
from resnoise.datasets.splits import Split
from resnoise.errors import DataError

# Indices of a batch's images, and the seed of its augmentation: None reads without augmentation.
Plan = tuple[list[int], int | None]


def batches(
    split: Split,
    batch_size: int,
    *,
    generator: torch.Generator | None = None,
    workers: int = 0,
) -> Batches:
    """Iterate over a split: images, float32 [N, C, H, W], and labels, int64 [N].

    Args:
        split: what to read.
        batch_size: N; the last batch may be smaller.
        generator: for training: shuffles, and augments if the split has an augmentation. Each pass
            advances it by the same amount, whatever `workers` is. A last batch of a single image
            is then left out, because BatchNorm cannot train on it.
        workers: processes that prepare batches ahead; 0 prepares them in this process.
    """
    require_positive_int("batch_size", batch_size)
    return Batches(split, Order(len(split), batch_size, generator), workers)


class Batches:
    """What `batches` returns; every iteration is one pass over the split."""

    def __init__(self, split: Split, order: Order, workers: int) -> None:
        self._order = order
        self._loader = DataLoader(
            _Reader(split),
            batch_size=None,  # _Reader returns whole batches: nothing is left to collate
            sampler=order,
            num_workers=workers,
            persistent_workers=workers > 0,
            # Without one of its own, DataLoader draws from torch's global generator.
            generator=torch.Generator(),
        )

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self._loader:
            if isinstance(batch, str):
                raise DataError(batch)
            images, labels = batch
            yield images, labels


class Order:
    """Plans one pass. All randomness is drawn here, in the main process, before the first batch."""

    def __init__(self, length: int, batch_size: int, generator: torch.Generator | None) -> None:
        self.length = length
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        full, rest = divmod(self.length, self.batch_size)
        smallest = 1 if self.generator is None else 2
        return full + (rest >= smallest)

    def __iter__(self) -> Iterator[Plan]:
        if self.generator is None:
            order = torch.arange(self.length)
            seeds = [None] * len(self)
        else:
            order = torch.randperm(self.length, generator=self.generator)
            seeds = torch.randint(2**63 - 1, (len(self),), generator=self.generator).tolist()
        # A last batch that does not count has no seed, and is left out.
        for indices, seed in zip(order.split(self.batch_size), seeds, strict=False):
            yield indices.tolist(), seed


class _Reader(Dataset):
    """Reads the batch that a plan describes, or gives the message of the error it met."""

    def __init__(self, split: Split) -> None:
        self.split = split

    def __getitem__(self, plan: Plan) -> tuple[Tensor, Tensor] | str:
        indices, seed = plan
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        try:
            return self.split.batch(indices, generator)
        except DataError as error:
            # Raised in a worker, it would reach the main process with the worker's traceback for
            # a message; as text it arrives as it is.
            return str(error)
