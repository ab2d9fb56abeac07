"""The residual error of a layer, summed up batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import torch
from torch import Tensor

# Errors of a network with L levels are multiples of λ/L and θ/T. Bins are 1/16 wide and centred on
# multiples of that, so for the usual powers of two no edge falls on an error.
BINS_PER_THRESHOLD = 16
HISTOGRAM_BINS = 2 * BINS_PER_THRESHOLD + 1
HISTOGRAM_LIMIT = HISTOGRAM_BINS / (2 * BINS_PER_THRESHOLD)
HISTOGRAM_EDGES = tuple(
    (2 * i - HISTOGRAM_BINS) / (2 * BINS_PER_THRESHOLD) for i in range(HISTOGRAM_BINS + 1)
)
_CHUNK = 2**24  # torch counts in float32, which goes no further


class LayerError(NamedTuple):
    """Residual error of one layer.

    Attributes:
        mean: of `e_l`, in the unit of the activation.
        std: standard deviation of `e_l` over everything, in the same unit.
        sigma: `sqrt(mean over batches of var(e_l))`, the noise it gives.
        threshold: θ_l, to express the others in.
        level_counts: for each level 0..L of the activation, how many `e_l / θ_l` fall in each of
            `HISTOGRAM_BINS` equal bins between `±HISTOGRAM_LIMIT`; all 0 where they were not
            asked for.
    """

    mean: float
    std: float
    sigma: float
    threshold: float
    level_counts: tuple[tuple[int, ...], ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many `e_l / θ_l` fall in each bin, whatever the level."""
        return tuple(map(sum, zip(*self.level_counts, strict=True)))


class Moments:
    """Running moments of one layer's error over batches.

    Sums stay on the device of the errors until the result is asked for, so that an accelerator is
    never waited for; they are put together in float64.

    Args:
        levels: L of the layer.
    """

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.batches: list[list[_Part]] = [[]]
        self.level_counts = torch.zeros(levels + 1, HISTOGRAM_BINS, dtype=torch.int64)

    def add(self, error: Tensor) -> None:
        """Add errors of some images of a batch."""
        # Several times faster than `torch.var_mean`; means are far below the deviations, so
        # nothing is lost to cancellation.
        sums = torch.stack([error.sum(), torch.linalg.vector_norm(error)])
        self.batches[-1].append(_Part(error.numel(), sums))

    def count(self, error: Tensor, quantised: Tensor, threshold: Tensor) -> None:
        """Add the same errors to the histograms.

        Args:
            error: tensor of any shape.
            quantised: the activation each belongs to, tensor of the same shape.
            threshold: θ, tensor of shape `()`.
        """
        level = (quantised.float() * (self.levels / threshold)).round_()
        # One histogram after the other on one axis, so that a single pass fills them all.
        placed = level.mul_(2 * HISTOGRAM_LIMIT).add_(error.float() / threshold)
        bins = self.level_counts.numel()
        end = (2 * self.levels + 1) * HISTOGRAM_LIMIT
        self.level_counts = self.level_counts.to(error.device)
        for part in placed.flatten().split(_CHUNK):
            counts = torch.histc(part, bins, -HISTOGRAM_LIMIT, end)
            self.level_counts += counts.to(self.level_counts).view_as(self.level_counts)

    def end_batch(self) -> None:
        self.batches.append([])

    def finished(self) -> Finished:
        """The sums of every batch that was ended, and the histograms, off the device."""
        parts = [part for batch in self.batches[:-1] for part in batch]
        values = iter(torch.stack([part.sums for part in parts]).tolist() if parts else [])
        batches = [
            sum((_sums_of(part.number, *next(values)) for part in batch), _Sums(0, 0.0, 0.0))
            for batch in self.batches[:-1]
        ]
        return Finished(batches, self.level_counts.cpu())


class Finished(NamedTuple):
    """What one layer's errors came to, batch by batch.

    Attributes:
        batches: sums over each batch, in their order.
        level_counts: histogram for each level, int64 tensor of shape `[L + 1, HISTOGRAM_BINS]`.
    """

    batches: list[_Sums]
    level_counts: Tensor

    def result(self, threshold: Tensor) -> LayerError:
        """The residual error of all batches; θ is a tensor of shape `()`."""
        total, variances = _Sums(0, 0.0, 0.0), 0.0
        for batch in self.batches:
            variances += batch.variance
            total += batch
        return LayerError(
            mean=total.mean,
            std=total.variance**0.5,
            sigma=(variances / len(self.batches)) ** 0.5,
            threshold=threshold.item(),
            level_counts=tuple(map(tuple, self.level_counts.tolist())),
        )


def joined(shares: Sequence[Finished]) -> Finished:
    """What all of a group of processes measured, each of which had every so manieth batch."""
    rounds = zip_longest(*(share.batches for share in shares))
    batches = [batch for one in rounds for batch in one if batch is not None]
    return Finished(batches, sum(share.level_counts for share in shares))


class _Part(NamedTuple):
    """Errors of some images: how many, and their sum and norm, tensor of shape `[2]`."""

    number: int
    sums: Tensor


class _Sums(NamedTuple):
    """Number of values, their sum and the sum of their squares."""

    number: int
    total: float
    squares: float

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def mean(self) -> float:
        return self.total / self.number

    @property
    def variance(self) -> float:
        return max(self.squares / self.number - self.mean**2, 0.0)


def _sums_of(number: int, total: float, norm: float) -> _Sums:
    return _Sums(number, total, norm**2)
