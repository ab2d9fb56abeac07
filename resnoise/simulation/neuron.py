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
    """

    v: Tensor
    gate: Tensor | None = None


def initial_state(like: Tensor, threshold: Tensor) -> IFState:
    """Resting state of conversion, `v(0) = θ/2`, for currents of the shape of `like`."""
    return IFState(v=torch.empty_like(like).copy_(threshold / 2))


def if_step(current: Tensor, state: IFState, threshold: Tensor) -> tuple[Tensor, IFState]:
    r"""One time step of integrate-and-fire neurons with soft reset: the reference semantics.

    .. math::
        u = v + I(t), \qquad s(t) = [u \ge θ] \cdot g, \qquad v \leftarrow u - θ s(t)

    The order of rounding is part of the semantics: `(v + I) − θ`, never `(v − θ) + I`. A neuron
    exactly at the threshold fires.

    Args:
        current: I(t), tensor of shape `[N, ...]`, in the unit of θ.
        state: membrane potential `v` and gate `g`, each of the shape of `current`.
        threshold: θ, tensor of shape `()`, larger than 0.

    Returns:
        Spikes of 0 and 1, tensor of the shape and type of `current`, and the new state.

    Source: Bu et al., ICLR 2022, arXiv 2303.04347, eqs. 1-3 and theorem 2 (`v(0) = θ/2`).
    """
    u = state.v + current
    spikes = (u >= threshold).to(current.dtype)
    if state.gate is not None:
        spikes = spikes * state.gate
    return spikes, IFState(u - threshold * spikes, state.gate)
