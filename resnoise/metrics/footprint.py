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
    folded. What a library's neurons keep of their own (copies of the threshold, a decay of 1) is
    left out, and so is the state of the neurons, which depends on the batch.

    Args:
        network: from `resnoise.convert`.
    """
    inside_neurons = tuple(f"body.{name}.neurons." for name in network.layers)
    kept = [
        tensor
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point() and not name.startswith(inside_neurons)
    ]
    return Footprint(sum(t.numel() for t in kept), sum(t.numel() * t.element_size() for t in kept))
