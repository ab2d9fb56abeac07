"""The reference backend: plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

from resnoise.backends.base import Backend, LeakyConfig
from resnoise.neuron import IFState, if_step, initial_state

Scan = Callable[[Tensor, IFState, Tensor], tuple[Tensor, Tensor]]


class IntegrateAndFire(nn.Module):
    """`T` steps of `resnoise.neuron.if_step`.

    Args:
        threshold: θ, tensor of shape `()`.

    Attributes:
        scan: the loop over time, see `compile_neurons_`.
    """

    threshold: Tensor

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)
        self.scan: Scan = scan_in_place

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        start = state or initial_state(current[0], self.threshold)
        spikes, v = self.scan(current, start, self.threshold)
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


def scan_compiled(current: Tensor, start: IFState, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """The same loop as one kernel, which keeps each membrane in a register; see `scan_in_place`."""
    flat = current.flatten(1)
    gate = None if start.gate is None else start.gate.flatten()
    spikes, v = _kernel()(flat, start.v.flatten(), gate, threshold)
    return spikes.view_as(current), v.view_as(start.v)


def compile_neurons_(network: nn.Module) -> None:
    """Have the reference backend's neurons simulate through `torch.compile`; others stay.

    The spikes are the same bit for bit. The first simulation of each number of steps compiles,
    which takes seconds and a C++ compiler.

    Args:
        network: from `resnoise.convert`.
    """
    for module in network.modules():
        if isinstance(module, IntegrateAndFire):
            module.scan = scan_compiled


def _steps(
    current: Tensor, v: Tensor, gate: Tensor | None, threshold: Tensor
) -> tuple[Tensor, Tensor]:
    spikes = []
    state = IFState(v, gate)
    for now in current:
        spike, state = if_step(now, state, threshold)
        spikes.append(spike)
    return torch.stack(spikes), state.v


@lru_cache
def _kernel() -> Callable[..., tuple[Tensor, Tensor]]:
    # One kernel a number of steps, whatever the shape of the layer: more than the 8 that PyTorch
    # would stop at.
    return torch.compile(_steps, dynamic=True, recompile_limit=64)


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
