"""How large a converted network is."""

from __future__ import annotations

from typing import NamedTuple

from resnoise.spiking import SpikingNetwork


class Footprint(NamedTuple):
    """Size of a converted network.

    Attributes:
        parameters: number of weights, biases and thresholds.
        bytes: that they take in memory.
    """

    parameters: int
    bytes: int


def footprint(network: SpikingNetwork) -> Footprint:
    """Count the parameters of a converted network, the same whatever its backend.

    Weights, biases, one threshold a spiking layer, and the statistics of a BatchNorm that was not
    folded. The state of the neurons, which depends on the batch, is left out.

    Args:
        network: from `resnoise.convert`.
    """
    kept = [t for t in network.model_state.values() if t.is_floating_point()]
    return Footprint(sum(t.numel() for t in kept), sum(t.numel() * t.element_size() for t in kept))
