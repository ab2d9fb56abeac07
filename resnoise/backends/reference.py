"""The reference backend: plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resnoise.backends.backend import Backend, LeakyConfig
from resnoise.simulation.neuron import IFState, absolute, if_step, initial_state, sent_so_far


class IntegrateAndFire(nn.Module):
    """`T` steps of `resnoise.simulation.neuron.if_step`.

    Args:
        threshold: θ, tensor of shape `()`.
        negative_threshold: θ₋/θ of signed neurons; None for plain ones.
    """

    threshold: Tensor

    def __init__(self, threshold: Tensor, negative_threshold: float | None = None) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)
        self.negative_threshold = negative_threshold

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        start = state or initial_state(current[0], self.threshold)
        # A compiler keeps each membrane in a register if it is shown the steps as they are.
        scan = scan_step_by_step if torch.compiler.is_compiling() else scan_in_place
        return scan(
            current, start, self.threshold, absolute(self.negative_threshold, self.threshold)
        )


def scan_in_place(
    current: Tensor, start: IFState, threshold: Tensor, negative_threshold: Tensor | None
) -> tuple[Tensor, IFState]:
    """The loop over time with as few passes over memory as PyTorch's operations allow.

    Args:
        current: I(t), tensor of shape `[T, N, ...]`.
        start: state before the first step.
        threshold: θ, tensor of shape `()`.
        negative_threshold: θ₋, tensor of shape `()`, or None.

    Returns:
        Spikes, tensor of shape `[T, N, ...]`, and the state after the last step.
    """
    spikes = torch.empty_like(current)
    v = start.v.clone()
    sent = None if negative_threshold is None else sent_so_far(start).clone()
    for now, spike in zip(current, spikes, strict=True):
        v += now
        torch.ge(v, threshold, out=spike)
        if sent is not None:
            spike -= ((v <= negative_threshold) & (sent > 0)).to(spike.dtype)
        if start.gate is not None:
            spike *= start.gate
        if sent is not None:
            sent += spike
        # Spikes are 0, 1 or -1, so `v − θ·s` rounds once, whether or not it is computed in one go.
        v.addcmul_(spike, threshold, value=-1)
    return spikes, IFState(v, start.gate, sent)


def scan_step_by_step(
    current: Tensor, start: IFState, threshold: Tensor, negative_threshold: Tensor | None
) -> tuple[Tensor, IFState]:
    """The loop over time as the definition has it; see `scan_in_place`."""
    spikes = []
    state = start
    for now in current:
        spike, state = if_step(now, state, threshold, negative_threshold)
        spikes.append(spike)
    return torch.stack(spikes), state


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
