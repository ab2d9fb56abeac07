"""The noise of training as operations of the training step itself, for accelerators.

Draws come from the default generator of the tensor's device, which a CUDA graph advances with every
replay; nothing here looks at a value, so that a step can be captured, and all of it is fused into
what stands beside it where the step is compiled. The distributions are those of `add_noise` and
`add_conditional_noise`, whose draws are cheaper on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

from resnoise.noise.residual import BINS_PER_THRESHOLD, HISTOGRAM_BINS
from resnoise.noise.search import search
from resnoise.noise.standardisation import standardise


def add_noise(
    x: Tensor, sigma: Tensor, counts: Tensor | None = None, uniform: bool = False
) -> Tensor:
    """`x + σ·ε`; the gradient passes to `x` alone.

    Args:
        x: tensor of any shape.
        sigma: σ, tensor of shape `()`, in the unit of `x`; the width of uniform noise.
        counts: histogram that ε is distributed as, tensor of shape `[B]`; None is N(0, 1).
        uniform: draw ε from U(−1/2, 1/2) instead.

    Examples:
        >>> x = torch.zeros(10_000)
        >>> noisy = add_noise(x, torch.tensor(0.5))
        >>> 0.45 < noisy.std() < 0.55
        tensor(True)
    """
    if uniform:
        noise = torch.rand_like(x, dtype=torch.float32) - 0.5
    elif counts is None:
        noise = torch.randn_like(x, dtype=torch.float32)
    else:
        # Not like `x`: what is looked up has to be contiguous.
        drawn = torch.rand(x.shape, device=x.device).double()
        noise = standardise(counts).at(drawn).float()
    return x + (sigma * noise).to(x.dtype)


def add_conditional_noise(
    q: Tensor, threshold: Tensor, ramp: Tensor, level_counts: Tensor
) -> Tensor:
    """Take off each activation a draw of the residual error of its level.

    Args:
        q: quantised activations, tensor of any shape.
        threshold: λ, tensor of shape `()`, in the unit of `q`.
        ramp: r, tensor of shape `()`.
        level_counts: histogram of `e / λ` for each level, tensor of shape
            `[L + 1, HISTOGRAM_BINS]`; a level whose error was never measured has none.

    Examples:
        >>> counts = torch.zeros(3, HISTOGRAM_BINS)
        >>> counts[:, -1] = 1  # every error was λ
        >>> add_conditional_noise(torch.tensor([1.0]), torch.tensor(2.0), torch.tensor(1.0), counts)
        tensor([-1.])
    """
    threshold = threshold.detach()
    never = level_counts.sum(1, keepdim=True) == 0
    at_zero = torch.arange(HISTOGRAM_BINS, device=q.device) == HISTOGRAM_BINS // 2
    counts = torch.where(never, at_zero.to(level_counts.dtype), level_counts).double()
    # One increasing sequence of all levels, each on a unit interval of its own: a draw for level k
    # is looked up as k + u.
    levels = torch.arange(len(counts), device=q.device)
    cumulative = counts.cumsum(1) / counts.sum(1, keepdim=True) + levels.unsqueeze(1)
    level = (q.detach().float() * ((len(counts) - 1) / threshold)).round().contiguous()
    drawn = torch.rand_like(level)
    place = search(cumulative.flatten(), level.double() + drawn)
    bins = place - level.long() * HISTOGRAM_BINS
    error = (bins - HISTOGRAM_BINS // 2).float() * (threshold / BINS_PER_THRESHOLD)
    return q - (ramp * error).to(q.dtype)
