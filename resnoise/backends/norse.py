"""The Norse backend, on Norse's `SNN` module, thresholds and resets.

Norse's own integrate-and-fire step resets to a value. Its `SNN` takes any step function, so the
step here is put together from `norse.torch.functional`: `heaviside`, turned around to fire at the
threshold itself, and `reset_subtract`.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

import torch
from norse.torch.functional.heaviside import heaviside
from norse.torch.functional.lif_box import (
    LIFBoxFeedForwardState,
    LIFBoxParameters,
    lif_box_feed_forward_step,
)
from norse.torch.functional.reset import reset_subtract
from norse.torch.module.snn import SNN
from torch import Tensor, nn

from resnoise.backends.backend import Backend, LeakyConfig
from resnoise.errors import ConfigError
from resnoise.simulation.neuron import IFState, absolute, initial_state, sent_so_far


class Thresholds(nn.Module):
    """Neuron parameters as a module, so that they follow the network to its device.

    Args:
        v_th: θ, tensor of shape `()`.
        negative: θ₋/θ of signed neurons; None for plain ones.
    """

    v_th: Tensor

    def __init__(self, v_th: Tensor, negative: float | None) -> None:
        super().__init__()
        self.register_buffer("v_th", v_th)
        self.negative = negative


def soft_reset_iaf_step(
    input_tensor: Tensor, state: IFState, p: Thresholds, dt: float
) -> tuple[Tensor, IFState]:
    """`if_step` of `resnoise.simulation` in Norse's terms; `dt` is not used, as in Norse's own IAF.

    Norse's step is strict, `heaviside(x) = [x > 0]`; `1 − heaviside(θ − u)` is `[u ≥ θ]`.
    """
    u = state.v + input_tensor
    z = 1 - heaviside(p.v_th - u)
    if state.gate is not None:
        z = z * state.gate
    v = reset_subtract(z, u, reset=None, th=p.v_th)
    if p.negative is None:
        return z, IFState(v, state.gate)
    sent = sent_so_far(state)
    negative = (1 - heaviside(u - absolute(p.negative, p.v_th))) * heaviside(sent)
    if state.gate is not None:
        negative = negative * state.gate
    # A reset of its own: Norse's `(1 − z) u + z (u − θ)` is exact for 0 and 1, but not for −1.
    v = reset_subtract(negative, v, reset=None, th=-p.v_th)
    z = z - negative
    return z, IFState(v, state.gate, sent + z)


class IntegrateAndFire(nn.Module):
    """Soft-reset integrate-and-fire neurons; for the arguments see `resnoise.backends.Backend`."""

    def __init__(self, threshold: Tensor, negative_threshold: float | None = None) -> None:
        super().__init__()
        thresholds = Thresholds(threshold, negative_threshold)
        self.neurons = SNN(soft_reset_iaf_step, state_fallback=None, p=thresholds)

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        # Not Norse's `state_fallback`: a copy of it would still read the threshold of this one.
        start = initial_state(current[0], self.neurons.p.v_th) if state is None else state
        return self.neurons(current, start)


class Leaky(nn.Module):
    """Norse's box LIF with soft reset.

    Norse integrates `dv = dt/τ (I − v)`: its decay is β = 1 − dt/τ and it scales the input by
    dt/τ, which the gain undoes, so that the input counts as it does in the other libraries. Its
    SuperSpike takes a steepness α and computes with 1 whatever it is.
    """

    def __init__(self, config: LeakyConfig) -> None:
        super().__init__()
        if config.alpha != 1:
            raise ConfigError(
                f"expected argument `alpha` to be 1, the only one in Norse, got {config.alpha!r}"
            )
        rate = 1.0 - config.beta
        parameters = LIFBoxParameters(
            tau_mem_inv=torch.as_tensor(rate),
            v_th=torch.as_tensor(config.threshold),
            reset_method=reset_subtract,
        )
        self.neurons = SNN(
            partial(_step_of_gain, 1.0 / rate),
            state_fallback=lambda current: LIFBoxFeedForwardState(torch.zeros_like(current[0])),
            p=parameters,
            dt=1.0,
        )

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        start = None if state is None else LIFBoxFeedForwardState(state.v)
        spikes, end = self.neurons(current, start)
        return spikes, IFState(end.v)


def _step_of_gain(
    gain: float,
    input_tensor: Tensor,
    state: LIFBoxFeedForwardState,
    p: LIFBoxParameters,
    dt: float,
) -> tuple[Tensor, LIFBoxFeedForwardState]:
    return lif_box_feed_forward_step(gain * input_tensor, state, p, dt)


class _SpikesAlone(nn.Module):
    """One of Norse's neurons, which returns a state too."""

    def __init__(self, neurons: nn.Module) -> None:
        super().__init__()
        self.neurons = neurons

    def forward(self, current: Tensor) -> Tensor:
        spikes, _ = self.neurons(current)
        return spikes


# Imported when they are made: a name that a version of Norse lacks costs its own neurons alone.
def _iaf() -> nn.Module:
    from norse.torch.module.iaf import IAF

    return _SpikesAlone(IAF())


def _lif() -> nn.Module:
    from norse.torch.functional.lif import LIFParameters
    from norse.torch.module.lif import LIF

    half = torch.tensor(0.5)
    return _SpikesAlone(LIF(LIFParameters(tau_syn_inv=half, tau_mem_inv=half), dt=1.0))


def _lsnn() -> nn.Module:
    from norse.torch.functional.lsnn import LSNNParameters
    from norse.torch.module.lsnn import LSNN

    half = torch.tensor(0.5)
    parameters = LSNNParameters(
        tau_syn_inv=half, tau_mem_inv=half, tau_adapt_inv=half, beta=torch.tensor(1.5)
    )
    return _SpikesAlone(LSNN(parameters, dt=1.0))


def backend() -> Backend:
    trainable = {"IAF": _iaf, "LIF": _lif, "LSNN": _lsnn}
    return Backend("norse", version("norse"), IntegrateAndFire, Leaky, trainable)
