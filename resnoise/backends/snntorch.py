"""The snnTorch backend, on `snntorch.Leaky`.

`Leaky` subtracts the reset one step late by default and hands back the membrane before it; with
`reset_delay=False` it fires too rarely once a residual exceeds the threshold. With
`reset_mechanism="none"` the neuron integrates and fires, and leaves the reset to its caller.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import torch
from snntorch import Leaky as SnnTorchLeaky
from snntorch import surrogate
from torch import Tensor, nn

from resnoise.backends.backend import Backend, LeakyConfig
from resnoise.simulation.neuron import IFState, absolute, initial_state, sent_so_far


def fire_at_threshold(x: Tensor) -> Tensor:
    """`[x ≥ 0]` as a `spike_grad`, where snnTorch's own steps are strict: `[x > 0]`.

    It writes over `x`, the difference `u − θ` that snnTorch computes for it alone.
    """
    x = x.detach()
    return torch.ge(x, 0, out=x)


class _WithoutReset(SnnTorchLeaky):
    """`snntorch.Leaky` with `reset_mechanism="none"`, which computes a reset and drops it."""

    def mem_reset(self, mem: Tensor) -> None:
        return None


class SoftReset(nn.Module):
    """A loop over time around one `snntorch.Leaky`, with an immediate reset by subtraction.

    Args:
        beta: decay a step; 1 integrates without leak.
        threshold: θ, tensor of shape `()`.
        spike_grad: snnTorch's extension point for step function and surrogate gradient.
        start: resting state from the first step's current `[N, ...]` and θ.
        negative_threshold: θ₋/θ of signed neurons, whose negative spikes come of the same step
            function; None for plain ones.
    """

    def __init__(
        self,
        beta: float,
        threshold: Tensor,
        spike_grad: Callable[[Tensor], Tensor],
        start: Callable[[Tensor, Tensor], IFState],
        negative_threshold: float | None = None,
    ) -> None:
        super().__init__()
        self.neurons = _WithoutReset(
            beta=beta, threshold=threshold, spike_grad=spike_grad, reset_mechanism="none"
        )
        # snnTorch keeps every neuron ever made in a class attribute, for `init_hidden=True`, which
        # is not used here; without this line a discarded network would never be freed.
        SnnTorchLeaky.instances.remove(self.neurons)
        self.start = start
        self.negative_threshold = negative_threshold

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        threshold = self.neurons.threshold
        at_rest = self.neurons.mem
        negative_threshold = absolute(self.negative_threshold, threshold)
        state = state or self.start(current[0], threshold)
        v, gate = state.v, state.gate
        sent = None if negative_threshold is None else sent_so_far(state)
        spikes = []
        try:
            for now in current:
                spike, u = self.neurons(now, v)
                if sent is not None:
                    taken_back = self.neurons.spike_grad(negative_threshold - u)
                    spike = spike - taken_back * (sent > 0)
                if gate is not None:
                    spike = spike * gate
                if sent is not None:
                    sent = sent + spike
                v = u - threshold * spike
                spikes.append(spike)
        finally:
            # The library's neuron keeps what it computed last; nothing may stay between calls, not
            # even after the exception by which a checkpoint ends a second run early.
            self.neurons.mem = at_rest
            self.neurons.reset = None
        return torch.stack(spikes), IFState(v, gate, sent)


def _at_zero(current: Tensor, threshold: Tensor) -> IFState:
    return IFState(torch.zeros_like(current))


def integrate_and_fire(threshold: Tensor, negative_threshold: float | None = None) -> SoftReset:
    """Soft-reset integrate-and-fire neurons; for the arguments see `resnoise.backends.Backend`."""
    return SoftReset(1.0, threshold, fire_at_threshold, initial_state, negative_threshold)


def leaky(config: LeakyConfig) -> SoftReset:
    """Trainable leaky neurons, see `resnoise.backends.LeakyConfig` for the dynamics."""
    threshold = torch.as_tensor(config.threshold)
    return SoftReset(config.beta, threshold, surrogate.fast_sigmoid(config.alpha), _at_zero)


class _StepByStep(nn.Module):
    """The usual loop over time around one of snnTorch's neurons, with its default reset.

    Args:
        neurons: called with a current and the state that it returned last.
        initial: what returns its state before the first step, as snnTorch's documentation has it.
    """

    def __init__(self, neurons: nn.Module, initial: Callable[[], object]) -> None:
        super().__init__()
        # See `SoftReset`.
        type(neurons).instances.remove(neurons)
        self.neurons = neurons
        self.initial = initial

    def forward(self, current: Tensor) -> Tensor:
        state = self.initial()
        state = state if isinstance(state, tuple) else (state,)
        spikes = []
        for now in current:
            spike, *state = self.neurons(now, *state)
            spikes.append(spike)
        return torch.stack(spikes)


# Imported when they are made: a name that a version lacks costs its own neurons alone.
def _lapicque() -> nn.Module:
    from snntorch import Lapicque

    neurons = Lapicque(R=1, C=2)
    return _StepByStep(neurons, neurons.reset_mem)


def _learnable_leaky() -> nn.Module:
    neurons = SnnTorchLeaky(beta=0.5, learn_beta=True, learn_threshold=True)
    return _StepByStep(neurons, neurons.reset_mem)


def _synaptic() -> nn.Module:
    from snntorch import Synaptic

    neurons = Synaptic(alpha=0.5, beta=0.5)
    return _StepByStep(neurons, neurons.reset_mem)


def backend() -> Backend:
    trainable = {
        "Lapicque": _lapicque,
        "Leaky with learnable parameters": _learnable_leaky,
        "Synaptic": _synaptic,
    }
    return Backend("snntorch", version("snntorch"), integrate_and_fire, leaky, trainable)
