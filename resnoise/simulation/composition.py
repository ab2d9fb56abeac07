"""What a network is made of, by which it shows that what was derived from it is out of date."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import Tensor

from resnoise.simulation.network import SpikingNetwork


class Composition:
    """The modules and tensors of a network, where these lie in memory, and how its layers run.

    It keeps none of them alive: through weak references, what is gone cannot be mistaken for what
    came after it.

    Args:
        network: as it is now.

    Example:
        >>> from torch import nn
        >>> from resnoise import convert, prepare
        >>> network = convert(prepare(nn.Sequential(nn.Linear(4, 3), nn.ReLU())), "reference")
        >>> composition = Composition(network)
        >>> composition.is_of(network), composition.is_of(network.double())
        (True, False)
    """

    def __init__(self, network: SpikingNetwork) -> None:
        self._parts = [weakref.ref(part) for part in _parts(network)]
        self._settings = _settings(network)

    def is_of(self, network: SpikingNetwork) -> bool:
        """Whether the network is still made of the same, whatever its weights are by now."""
        parts = _parts(network)
        return (
            len(self._parts) == len(parts)
            and all(known() is part for known, part in zip(self._parts, parts, strict=True))
            and self._settings == _settings(network)
        )


def tensors_of(network: SpikingNetwork) -> list[Tensor]:
    """Parameters and buffers."""
    return [*network.parameters(), *network.buffers()]


def hooks_of(network: SpikingNetwork) -> list[Callable]:
    """What observes a network: the hooks on its forward passes."""
    return [
        hook
        for module in network.modules()
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
    ]


def _parts(network: SpikingNetwork) -> list[object]:
    return [*network.modules(), *tensors_of(network)]


def _settings(network: SpikingNetwork) -> list[object]:
    layers = network.spiking_layers.values()
    return [
        *(tensor.data_ptr() for tensor in tensors_of(network)),
        *((layer.compiled, layer.checkpointed) for layer in layers),
    ]
