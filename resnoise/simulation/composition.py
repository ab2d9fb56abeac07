"""What a network is made of, by which it shows that what was derived from it is out of date."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import Tensor, nn

from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.network import SpikingNetwork


class Composition:
    """The modules and tensors of a network, where these lie in memory, and how its layers run.

    It keeps none of them alive: through weak references, what is gone cannot be mistaken for what
    came after it.

    Args:
        network: as it is now.

    Examples:
        >>> from torch import nn
        >>> from resnoise import convert, prepare
        >>> network = convert(prepare(nn.Sequential(nn.Linear(4, 3), nn.ReLU())), "reference")
        >>> composition = Composition(network)
        >>> composition.is_of(network), composition.is_of(network.double())
        (True, False)
    """

    def __init__(self, network: SpikingNetwork) -> None:
        parts, self._settings = _made_of(network)
        self._parts = [weakref.ref(part) for part in parts]

    def is_of(self, network: SpikingNetwork) -> bool:
        """Whether the network is still made of the same, whatever its weights are by now."""
        parts, settings = _made_of(network)
        return (
            self._settings == settings
            and len(self._parts) == len(parts)
            and all(known() is part for known, part in zip(self._parts, parts, strict=True))
        )


def tensors_of(network: SpikingNetwork) -> list[Tensor]:
    """Parameters and buffers, those that several modules share as often."""
    return _tensors(_modules(network))


def hooks_of(network: SpikingNetwork) -> list[Callable]:
    """What observes a network: the hooks on its forward passes."""
    return [
        hook
        for module in _modules(network)
        for hooks in (module._forward_pre_hooks, module._forward_hooks)
        for hook in hooks.values()
    ]


def _made_of(network: SpikingNetwork) -> tuple[list[object], list[object]]:
    """Modules and tensors, and what else a simulation depends on."""
    modules = _modules(network)
    tensors = _tensors(modules)
    settings: list[object] = [tensor.data_ptr() for tensor in tensors]
    for module in modules:
        if isinstance(module, SpikingLayer):
            settings += (module.compiled, module.checkpointed)
    return [*modules, *tensors], settings


def _modules(network: SpikingNetwork) -> list[nn.Module]:
    """What `network.modules()` gives, in another order and several times faster.

    A graph of the device is replayed in the time that it takes to go through a network.
    """
    found, known, waiting = [], set(), [network]
    while waiting:
        module = waiting.pop()
        if module is not None and id(module) not in known:
            known.add(id(module))
            found.append(module)
            waiting += module._modules.values()
    return found


def _tensors(modules: list[nn.Module]) -> list[Tensor]:
    return [
        tensor
        for module in modules
        for tensors in (module._parameters, module._buffers)
        for tensor in tensors.values()
        if tensor is not None
    ]
