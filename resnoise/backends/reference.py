"""The reference backend: plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnoise.backends.backend import Backend, LeakyConfig
from resnoise.simulation.neuron import IFState, if_step, initial_state


class IntegrateAndFire(nn.Module):
    """`T` steps of `resnoise.neuron.if_step`.

    Args:
        threshold: θ, tensor of shape `()`.
    """

    threshold: Tensor

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        start = state or initial_state(current[0], self.threshold)
        # A compiler keeps each membrane in a register if it is shown the steps as they are.
        scan = scan_step_by_step if torch.compiler.is_compiling() else scan_in_place
        spikes, v = scan(current, start, self.threshold)
        return spikes, IFState(v, start.gate)


def scan_in_place(current: Tensor, start: IFState, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """The loop over time with as few passes over memory as PyTorch's operations allow.

    Args:
        current: I(t), tensor of shape `[T, N, ...]`.
        start: state before the first step.
        threshold: θ, tensor of shape `()`.

    Returns:
        Spikes, tensor of shape `[T, N, ...]`, and the membrane after the last step, `[N, ...]`.
    """
    spikes = torch.empty_like(current)
    v = start.v.clone()
    # Spikes are 0 or 1, so `v − θ·s` rounds once, whether or not it is computed in one go.
    theta = threshold.item()
    for now, spike in zip(current, spikes, strict=True):
        v += now
        torch.ge(v, theta, out=spike)
        if start.gate is not None:
            spike *= start.gate
        v.sub_(spike, alpha=theta)
    return spikes, v


def scan_step_by_step(current: Tensor, start: IFState, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """The loop over time as the definition has it; see `scan_in_place`."""
    spikes = []
    state = start
    for now in current:
        spike, state = if_step(now, state, threshold)
        spikes.append(spike)
    return torch.stack(spikes), state.v


class _SuperSpike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, alpha: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.alpha = alpha
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad / (ctx.alpha * x.abs() + 1) ** 2, None


class Leaky(nn.Module):
    """Trainable leaky neurons, see `resnoise.backends.LeakyConfig` for the dynamics."""

    def __init__(self, config: LeakyConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        v = torch.zeros_like(current[0]) if state is None else state.v
        spikes = []
        for now in current:
            u = self.config.beta * v + now
            spikes.append(_SuperSpike.apply(u - self.config.threshold, self.config.alpha))
            v = u - self.config.threshold * spikes[-1]
        return torch.stack(spikes), IFState(v)


def backend() -> Backend:
    return Backend("reference", torch.__version__, IntegrateAndFire, Leaky)
