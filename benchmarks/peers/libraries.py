"""Who is timed: this package's backends, and what its users would otherwise use."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor, fx

from benchmarks.peers import by_hand, spikingjelly
from resnoise import backends
from resnoise.conversion.converter import convert
from resnoise.metrics import plain_network
from resnoise.simulation.network import compile_neurons_
from resnoise.simulation.simulator import simulate

Simulate = Callable[[Tensor, int], Tensor]


class Implementation(NamedTuple):
    """A way to simulate a converted network.

    Attributes:
        name: as it stands in tables.
        build: from a source network to its simulation, from images `[N, C, H, W]` and T to logits
            `[T, N, classes]`.
        beside: the implementation with the same neurons, to be compared with; empty for ours.
        compiled: whether it is to be compared with the compiled network without spikes.
    """

    name: str
    build: Callable[[fx.GraphModule], Simulate]
    beside: str = ""
    compiled: bool = False


def implementations(compiled: bool = True) -> list[Implementation]:
    """All whose libraries are installed.

    Args:
        compiled: also those through `torch.compile`, which needs a C++ compiler.
    """
    found = [Implementation(name, _ours(name, compiled=False)) for name in backends.available()]
    if compiled:
        found += [
            Implementation(compiled_name(name), _ours(name, compiled=True), compiled=True)
            for name in backends.available()
        ]
    return found + [peer for library, peer in _peers().items() if find_spec(library) is not None]


def libraries() -> list[str]:
    """Every library that a implementation is built on, installed or not."""
    return list(dict.fromkeys([*backends.libraries().values(), *_peers()]))


def compiled_name(backend: str) -> str:
    """Name of the implementation that is a backend of ours with compiled neurons."""
    return f"{backend}, compiled"


def without_spikes(network: fx.GraphModule, compiled: bool) -> Callable[[Tensor], Tensor]:
    """The forward pass that `R(T)` is the ratio to."""
    plain = plain_network(network)
    if compiled:
        plain = torch.compile(plain)
    return torch.inference_mode()(lambda images: plain(images))


def _peers() -> dict[str, Implementation]:
    """By the library that each needs."""
    return {
        "norse": Implementation("norse by hand", _by_hand("NorseSteps"), "norse"),
        "snntorch": Implementation("snntorch by hand", _by_hand("SnnTorchSteps"), "snntorch"),
        "spikingjelly": Implementation("spikingjelly", spikingjelly.multi_step, "reference"),
    }


def _ours(backend: str, compiled: bool) -> Callable[[fx.GraphModule], Simulate]:
    def build(network: fx.GraphModule) -> Simulate:
        spiking = convert(network, backend)
        if compiled:
            compile_neurons_(spiking)
        return lambda images, timesteps: simulate(spiking, images, timesteps)

    return build


def _by_hand(neurons: str) -> Callable[[fx.GraphModule], Simulate]:
    return lambda network: by_hand.step_by_step(network, getattr(by_hand, neurons))
