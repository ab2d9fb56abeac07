"""The integrate-and-fire neuron that every backend must reproduce bit for bit."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class IFState(NamedTuple):
    """State of a layer of integrate-and-fire neurons between two time steps.

    Attributes:
        v: membrane potential after the reset, tensor of shape `[N, ...]`, in the unit of the
            threshold θ.
        gate: which neurons may fire, tensor of shape `[N, ...]` of 0 and 1, or None if all may.
        sent: m, positive less negative spikes so far, tensor of shape `[N, ...]`; None is none so
            far, and stays None where spikes have no sign.
        steps: time steps so far, kept by `SpikingLayer`.
    """

    v: Tensor
    gate: Tensor | None = None
    sent: Tensor | None = None
    steps: int = 0


def initial_state(like: Tensor, threshold: Tensor) -> IFState:
    """Resting state of conversion, `v(0) = θ/2`, for currents of the shape of `like`."""
    return IFState(v=torch.empty_like(like).copy_(threshold / 2))


def if_step(
    current: Tensor, state: IFState, threshold: Tensor, negative_threshold: Tensor | None = None
) -> tuple[Tensor, IFState]:
    r"""One time step of integrate-and-fire neurons with soft reset: the reference semantics.

    .. math::
        u = v + I(t), \qquad s(t) = [u \ge θ] \cdot g, \qquad v \leftarrow u - θ s(t)

    The order of rounding is part of the semantics: `(v + I) − θ`, never `(v − θ) + I`. A neuron
    exactly at the threshold fires.

    Signed neurons also take spikes back: with m the spikes sent so far, positive less negative,

    .. math::
        s(t) = ([u \ge θ] - [u \le θ_-] [m > 0]) \cdot g, \qquad m \leftarrow m + s(t)

    Args:
        current: I(t), tensor of shape `[N, ...]`, in the unit of θ.
        state: membrane potential `v` and gate `g`, each of the shape of `current`.
        threshold: θ, tensor of shape `()`, larger than 0.
        negative_threshold: θ₋ of signed neurons, tensor of shape `()`, smaller than 0, in the unit
            of θ; None for plain ones.

    Returns:
        Spikes of 0 and 1, and -1 of signed neurons, tensor of the shape and type of `current`, and
        the new state.

    Sources: Bu et al., ICLR 2022, arXiv 2303.04347, eqs. 1-3 and theorem 2 (`v(0) = θ/2`); signed
    neurons: Wang et al., IJCAI 2022, "Signed neuron with memory".
    """
    u = state.v + current
    spikes = (u >= threshold).to(current.dtype)
    sent = None
    if negative_threshold is not None:
        before = sent_so_far(state)
        spikes = spikes - ((u <= negative_threshold) & (before > 0)).to(current.dtype)
    if state.gate is not None:
        spikes = spikes * state.gate
    if negative_threshold is not None:
        sent = before + spikes
    return spikes, IFState(u - threshold * spikes, state.gate, sent)


def sent_so_far(state: IFState) -> Tensor:
    """m of signed neurons, zeros where nothing was sent yet."""
    return torch.zeros_like(state.v) if state.sent is None else state.sent


def absolute(negative_threshold: float | None, threshold: Tensor) -> Tensor | None:
    """θ₋ in the unit of θ, tensor of shape `()`, from its ratio to θ; None stays None."""
    return None if negative_threshold is None else negative_threshold * threshold
