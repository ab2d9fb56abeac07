r"""Noise as spikes make it: the residual error drawn from its distribution given the level.

A neuron whose activation is at level `k`, `q = k λ/L`, sends one of `T + 1` rates in its place, and
how often it sends which depends on `k`: at 0 it can only send too much, at `L` only too little. A
histogram of the residual error for each level tells how often, and what is drawn from it is a rate
that a spiking neuron can have.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from resnoise.noise.bits import CHUNK, VALUES, Bits, generator_on, in_memory_order, slices
from resnoise.noise.residual import BINS_PER_THRESHOLD, HISTOGRAM_BINS
from resnoise.noise.search import search

_TABLES = 64


@torch.library.custom_op("resnoise::add_conditional_noise", mutates_args=())
def add_conditional_noise(
    q: Tensor, threshold: Tensor, ramp: Tensor, seed: Tensor, level_counts: Tensor
) -> Tensor:
    r"""Take off each activation a draw of the residual error of its level.

    .. math::
        a = q - r \, λ \, e, \qquad P(e = b/16 \mid q = k λ/L) = n_{k,b} \Big/ \sum_b n_{k,b}

    The gradient passes to `q` alone. A level whose error was never measured has none.

    Args:
        q: quantised activations, tensor of any shape.
        threshold: λ, tensor of shape `()`, in the unit of `q`.
        ramp: r, tensor of shape `()`.
        seed: decides the draw, int64 tensor of shape `()` on the CPU.
        level_counts: histogram of `e / λ` for each level, tensor of shape
            `[L + 1, HISTOGRAM_BINS]`.
    """
    counts = tuple(map(tuple, level_counts.tolist()))
    table = _sent(counts, q.device)
    per_level = (len(counts) - 1) / threshold
    scale = ramp * threshold / BINS_PER_THRESHOLD
    noisy = torch.empty_like(q)
    if q.device.type != "cpu":
        generator = generator_on(q.device, seed)
        drawn = torch.empty_like(q, dtype=torch.int32).random_(VALUES, generator=generator)
        return noisy.copy_(_added(q, drawn, table, per_level, scale))
    bits = Bits(seed)
    source = q if noisy.stride() == q.stride() else torch.empty_like(q).copy_(q)
    chunks = (in_memory_order(x).split(CHUNK) for x in (source, noisy))
    # What one chunk needs stays in the cache.
    for chunk, out in zip(*chunks, strict=True):
        out.copy_(_added(chunk, bits.draw(len(chunk)), table, per_level, scale))
    return noisy


def _added(q: Tensor, drawn: Tensor, table: Tensor, per_level: Tensor, scale: Tensor) -> Tensor:
    """`q` plus what `table` has for its level and for a draw from 0 to `VALUES` - 1."""
    level = (q.float() * per_level).round_().to(torch.int32)
    index = drawn.add_(level, alpha=VALUES).flatten()
    sent = torch.index_select(table, 0, index).view(q.shape)
    return sent.to(scale.dtype).mul_(scale).add_(q).to(q.dtype)


@add_conditional_noise.register_fake
def _(q: Tensor, threshold: Tensor, ramp: Tensor, seed: Tensor, level_counts: Tensor) -> Tensor:
    return torch.empty_like(q)


def _backward(ctx, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
    return grad, None, None, None, None


add_conditional_noise.register_autograd(_backward)


# A table serves one layer for one epoch. Of single bytes it stays in the cache: 320 KiB at L = 4.
@lru_cache(maxsize=_TABLES)
def _sent(level_counts: tuple[tuple[int, ...], ...], device: torch.device) -> Tensor:
    """What is sent too much, `-16 e / λ`, at `VALUES` equal slices of probability for each level.

    Int8 tensor of shape `[(L + 1) * VALUES]`.
    """
    sent = HISTOGRAM_BINS // 2 - torch.arange(HISTOGRAM_BINS, dtype=torch.int8)
    levels = []
    for counts in torch.tensor(level_counts):
        if counts.any():
            cumulative = counts.double().cumsum(0) / counts.sum()
            levels.append(sent[search(cumulative, slices())])
        else:
            levels.append(torch.zeros(VALUES, dtype=torch.int8))
    return torch.cat(levels).to(device)
