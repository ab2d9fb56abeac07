"""Gaussian noise, fast enough on a CPU to add to every activation of every training step.

`torch.randn` fills a tensor on the CPU from one sequential Mersenne twister and can cost more than
the convolution beside it. Here 16 random bits an element, from NumPy's SFC64 generator (64 bits in
about a nanosecond), pick from a table of the 65,536 quantiles of the normal distribution.

Why this is good enough: the bits are independent draws of a generator that passes PractRand and
BigCrush, so elements and calls are independent. The table holds the midpoints of equal slices of
probability: symmetric (the mean is exactly 0), variance 0.99998, kurtosis within 0.001 of a
Gaussian's, and cut at 4.3 σ, which a true Gaussian passes once in 65,000 elements. The noise
stands for a residual error that is bounded by the threshold anyway.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

_QUANTILES = 2**16
_DRAWS_PER_WORD = 4
# Elements at a time: few enough that bits and draws stay in the cache.
_CHUNK = 2**18


@torch.compiler.disable
def gaussian_like(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Independent draws of N(0, 1).

    Args:
        like: gives shape, type, device and memory format of the result.
        generator: its state decides the draw and moves on; None takes torch's default generator.
            On a CUDA device it must be a generator of that device.

    Returns:
        Tensor like `like`, without gradient.
    """
    if like.device.type != "cpu":
        return torch.empty_like(like).normal_(generator=generator)
    seed = torch.randint(2**63 - 1, (), generator=generator).item()
    bits = np.random.Generator(np.random.SFC64(seed))
    quantiles = _quantiles(like.dtype)
    noise = torch.empty_like(like)
    # Elements are exchangeable, so the draw may fill memory in whatever order `like` has.
    for part in noise.as_strided((like.numel(),), (1,)).split(_CHUNK):
        torch.index_select(quantiles, 0, _draws(bits, part.numel()), out=part)
    return noise


def _draws(bits: np.random.Generator, count: int) -> Tensor:
    """Uniform draws from 0 to 65535, int32 tensor of shape `[count]`."""
    words = -(-count // _DRAWS_PER_WORD)
    drawn = bits.integers(0, 2**64 - 1, size=words, dtype=np.uint64, endpoint=True)
    return torch.from_numpy(drawn.view(np.uint16))[:count].to(torch.int32)


@lru_cache
def _quantiles(dtype: torch.dtype) -> Tensor:
    """Quantiles of N(0, 1) at the midpoints of equal slices of probability, `[65536]`."""
    slices = (torch.arange(_QUANTILES, dtype=torch.float64) + 0.5) / _QUANTILES
    return (math.sqrt(2.0) * torch.erfinv(2 * slices - 1)).to(dtype)
