"""Noise, Gaussian, as measured or uniform, fast enough on a CPU for every activation of every step.

`torch.randn` fills a tensor on the CPU from one sequential Mersenne twister and can cost more than
the convolution beside it. Here 16 random bits, from NumPy's SFC64 generator, pick four draws at
once from a table of 65,536 points of the four-dimensional normal distribution.

Why this is good enough: the bits are independent (`resnoise.noise.bits`), so different points are.
Along each of its four axes the table holds the midpoints of 65,536 equal slices of probability,
each once: symmetric (the mean is exactly 0), variance 0.99998, kurtosis within 0.001 of a
Gaussian's, and cut at 4.3 σ, which a true Gaussian passes once in 65,000 draws. The points are a
scrambled Sobol sequence, spread so evenly that the four draws of one point are uncorrelated to
1e-4, and their squares to 1e-3. The noise stands for a residual error that is bounded by the
threshold anyway.

Noise distributed as a measured error, or uniformly, is drawn the same way, from a table with the
quantiles of that distribution in place of the Gaussian's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from resnoise.noise.bits import CHUNK, VALUES, Bits, generator_on, in_memory_order, slices
from resnoise.noise.standardisation import standardise

_AXES = 4
_TABLES = 128
# One element of this type is one point: copying it is several times faster than copying a row.
_POINT_TYPE = {
    torch.bfloat16: torch.int64,
    torch.float16: torch.int64,
    torch.float32: torch.complex128,
}


def noise_like(
    like: Tensor, seed: Tensor, counts: Tensor | None = None, uniform: bool = False
) -> Tensor:
    """Draws of mean 0 and variance 1, independent as the module describes.

    Args:
        like: gives shape, type, device and memory format of the result.
        seed: decides the draw, int64 tensor of shape `()` on the CPU; different seeds, also
            consecutive ones, are independent.
        counts: histogram of residual errors whose distribution the draws have, see
            `resnoise.noise.standardise`, tensor of shape `[B]`; None draws from N(0, 1).
        uniform: draw from U(−1/2, 1/2) instead, of variance 1/12.

    Returns:
        Tensor like `like`, without gradient.
    """
    noise = torch.empty_like(like, requires_grad=False)
    if _is_fast(like):
        for _ in _drawn(in_memory_order(noise), seed, counts, uniform):
            pass
    elif like.device.type == "cpu":
        full = torch.empty_like(like, dtype=torch.float32)
        noise.copy_(noise_like(full, seed, counts, uniform))
    else:
        generator = generator_on(like.device, seed)
        if uniform:
            noise.uniform_(-0.5, 0.5, generator=generator)
        elif counts is None:
            noise.normal_(generator=generator)
        else:
            drawn = torch.empty_like(noise, dtype=torch.float32).uniform_(generator=generator)
            noise.copy_(standardise(counts).at(drawn.double()))
    return noise


# An operator of its own, which a compiler takes as it is: around it the network is one graph, and
# the backward pass, where the noise does nothing, is compiled as if there were none.
@torch.library.custom_op("resnoise::add_noise", mutates_args=())
def add_noise(
    x: Tensor, sigma: Tensor, seed: Tensor, counts: Tensor | None = None, uniform: bool = False
) -> Tensor:
    """`x + σ·ε` with a draw of `noise_like` for ε; the gradient passes to `x` alone.

    Args:
        x: tensor of any shape.
        sigma: σ, tensor of shape `()`, in the unit of `x`; the width of uniform noise.
        seed: as for `noise_like`.
        counts: as for `noise_like`.
        uniform: as for `noise_like`.
    """
    # To look at σ would stop an accelerator; adding 0 to everything costs it less.
    if x.device.type == "cpu" and sigma.item() == 0:
        return x.clone()
    noisy = torch.empty_like(x)
    if not _is_fast(x) or noisy.stride() != x.stride():
        return torch.addcmul(x, noise_like(x, seed, counts, uniform), sigma.to(x.dtype))
    # The draws of one chunk are still in the cache when they are scaled and added.
    start = 0
    scale, source = sigma.item(), in_memory_order(x)
    for draws in _drawn(in_memory_order(noisy), seed, counts, uniform):
        torch.add(source[start : start + len(draws)], draws, alpha=scale, out=draws)
        start += len(draws)
    return noisy


@add_noise.register_fake
def _(
    x: Tensor, sigma: Tensor, seed: Tensor, counts: Tensor | None = None, uniform: bool = False
) -> Tensor:
    return torch.empty_like(x)


def _backward(ctx, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
    return grad, None, None, None, None


add_noise.register_autograd(_backward)


def _is_fast(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype in _POINT_TYPE


def _drawn(memory: Tensor, seed: Tensor, counts: Tensor | None, uniform: bool) -> Iterator[Tensor]:
    """Fill a tensor of shape `[n]`, and give each chunk of it once it is filled."""
    bits = Bits(seed)
    measured = None if counts is None else tuple(counts.tolist())
    table = _points(memory.dtype, measured, uniform)
    for chunk in memory.split(CHUNK):
        whole = len(chunk) // _AXES * _AXES
        points = chunk[:whole].view(table.dtype)
        torch.index_select(table, 0, bits.draw(len(points)), out=points)
        if whole < len(chunk):
            last = table[bits.draw(1)].view(memory.dtype)
            chunk[whole:] = last[: len(chunk) - whole]
        yield chunk


# A table of a measured distribution, of a megabyte, serves one layer for one epoch.
@lru_cache(maxsize=_TABLES)
def _points(dtype: torch.dtype, counts: tuple[int, ...] | None, uniform: bool) -> Tensor:
    """The table, tensor of shape `[65536]` whose elements are points."""
    return _coordinates(counts, uniform).to(dtype).view(_POINT_TYPE[dtype]).squeeze(1)


def _coordinates(counts: tuple[int, ...] | None = None, uniform: bool = False) -> Tensor:
    """Points of the distribution in four dimensions, `[65536, 4]`."""
    if uniform:
        return (slices() - 0.5)[_ranks()]
    if counts is None:
        return (math.sqrt(2.0) * torch.erfinv(2 * slices() - 1))[_ranks()]
    return standardise(torch.tensor(counts)).at(slices())[_ranks()]


@lru_cache
def _ranks() -> Tensor:
    """Which slice each coordinate of each point is in, `[65536, 4]`."""
    sobol = torch.quasirandom.SobolEngine(_AXES, scramble=True, seed=0)
    # By rank, because a sequence of 2¹⁶ points has exactly one in each slice of each axis.
    return sobol.draw(VALUES, dtype=torch.float64).argsort(0).argsort(0)
