"""Figures of the neurons that users of a library train with, which this suite itself does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from resnoise.check.measurement import Figure, Kind, digest

TIMESTEPS = 8
NEURONS = 256


def groups() -> dict[str, Callable[[], Iterator[Figure]]]:
    """Groups of figures by name, one for each neuron."""
    return {
        f"neuron {name}, {backend}": lambda make=make, name=name, backend=backend: neuron_figures(
            name, backend, make
        )
        for backend, name, make in trainable_neurons()
    }


def trainable_neurons() -> Iterator[tuple[str, str, Callable[[], nn.Module]]]:
    """Backend, name and maker of each neuron.

    None of a tree from before these were watched, nor of a library that the backend cannot be
    imported with any more: the figures of the backend itself say why.
    """
    from resnoise import backends

    for backend in backends.available():
        try:
            found = getattr(backends.get(backend), "trainable", {})
        except (AttributeError, ImportError):
            continue
        for name, make in found.items():
            yield backend, name, make


def currents(*shape: int) -> Tensor:
    """Multiples of 1/8 from -1 to 2, tensor of that shape; sums and halves of few do not round."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-8, 17, shape, generator=generator) / 8


def neuron_figures(name: str, backend: str, make: Callable[[], nn.Module]) -> Iterator[Figure]:
    """Spikes, and the gradients of their number by current and by what the neuron learns."""
    neurons = make()
    current = currents(TIMESTEPS, NEURONS).requires_grad_()
    spikes = neurons(current)
    spikes.sum().backward()
    place = f"neuron {name}, {backend}"
    yield Figure(f"{place}: spikes", Kind.IDENTICAL, int(spikes.sum().item()))
    yield Figure(f"{place}: digest of spikes", Kind.IDENTICAL, digest(spikes.detach()))
    yield Figure(f"{place}: norm of the gradient", Kind.CLOSE, current.grad.norm().item())
    for parameter, value in neurons.named_parameters():
        learnt = parameter.rpartition(".")[2]
        yield Figure(f"{place}: gradient of {learnt}", Kind.CLOSE, value.grad.norm().item())
