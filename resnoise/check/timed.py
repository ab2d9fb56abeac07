"""What the gate times: the loops that users wait for, at a few milliseconds of CPU time a call."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from resnoise.check.exact_network import grid_images, grid_network
from resnoise.check.exact_neurons import currents, trainable_neurons
from resnoise.check.public import public

TIMESTEPS = 4
IMAGES = 64
# As many as the first layer of the digits network has for a batch of that size.
NEURONS = (IMAGES, 16, 8, 8)
TRAINED_NEURONS = (IMAGES, 128)


def workloads() -> dict[str, Callable[[], object]]:
    """Functions to time, by name; those that this tree cannot run are left out."""
    from resnoise import backends

    makers: dict[str, Callable[[], Callable[[], object]]] = {
        f"neuron loop, {name}": lambda name=name: _neuron_loop(name)
        for name in backends.available()
    }
    makers |= {
        "simulation": _simulation,
        "training step": _training_step,
        "induction": _induction,
        "conversion": _conversion,
    }
    makers |= {
        f"training {name}, {backend}": lambda make=make: _trained_neurons(make())
        for backend, name, make in trainable_neurons()
    }
    found = {}
    for name, make in makers.items():
        try:
            found[name] = make()
            found[name]()
        except (AttributeError, ImportError, TypeError):  # another interface: not comparable
            found.pop(name, None)
    return found


def _neuron_loop(backend: str) -> Callable[[], object]:
    from resnoise import backends

    neurons = backends.get(backend).integrate_and_fire(torch.tensor(1.0))
    generator = torch.Generator().manual_seed(0)
    current = torch.rand((TIMESTEPS, *NEURONS), generator=generator)

    @torch.inference_mode()
    def run() -> None:
        for _ in range(8):
            neurons(current, None)

    return run


def _trained_neurons(neurons: nn.Module) -> Callable[[], object]:
    """Forward and backward through time of neurons that users of a library train with."""
    current = currents(TIMESTEPS, *TRAINED_NEURONS).requires_grad_()

    def run() -> None:
        for _ in range(4):
            current.grad = None
            neurons(current).sum().backward()

    return run


def _simulation() -> Callable[[], object]:
    from resnoise import convert, simulate

    spiking = convert(grid_network())
    images = grid_images(IMAGES)
    return lambda: simulate(spiking, images, TIMESTEPS)


def _training_step() -> Callable[[], object]:

    network = grid_network().train()
    for layer in public("activations")(network).values():
        layer.set_sigma_(0.1)
    images = grid_images(IMAGES)

    def run() -> None:
        network.zero_grad()
        network(images).square().mean().backward()

    return run


def _induction() -> Callable[[], object]:
    from resnoise import induce

    network = grid_network()
    batch = (grid_images(IMAGES), torch.zeros(IMAGES, dtype=torch.int64))
    return lambda: induce(network, [batch], TIMESTEPS)


def _conversion() -> Callable[[], object]:
    from resnoise import convert

    network = grid_network()
    return lambda: convert(network)
