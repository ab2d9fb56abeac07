"""How much of a simulation runs at once.

Images do not influence each other, and a state carries a simulation from one stretch of time to
the next; so a simulation of T steps of N images may run in portions. On a CPU small portions are
faster: what one layer hands to the next is still in the cache, and its memory need not be asked
of the system anew. Memory then no longer grows with T.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from resnoise.errors import ConfigError
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.neuron import IFState
from resnoise.simulation.replaying import replayed
from resnoise.simulation.threads import Simulate, simulate_parts
from resnoise.utils import device as devices
from resnoise.utils.tensors import require_images


class Limits(NamedTuple):
    """The most that runs at once.

    Attributes:
        image_steps: images times steps.
        bytes: of the largest tensor between two layers.
        stretch: steps at a time, and a multiple of it where there are few images: a step of many
            images takes fewer calls than many steps of one.
    """

    image_steps: int
    bytes: int
    stretch: int


MIB = 2**20
# Measured on two cores with 1 MiB of L2 each and 32 MiB of L3, `docs/speed.md` has the figures:
# below 64 image-steps the cost of a call shows, above it that of the memory.
CPU = Limits(image_steps=64, bytes=16 * MIB, stretch=8)
# An accelerator hides its memory behind many threads and wants work in large pieces.
ACCELERATOR = Limits(image_steps=2**16, bytes=1024 * MIB, stretch=64)


class Portion(NamedTuple):
    """Size of a portion.

    Attributes:
        images: images at a time.
        steps: consecutive time steps of theirs at a time.
    """

    images: int
    steps: int


def portion(network: SpikingNetwork, images: Tensor, timesteps: int) -> Portion:
    """How many images and steps of a simulation to run at once.

    Args:
        network: what is simulated.
        images: tensor of shape `[N, C, H, W]`.
        timesteps: T of the whole simulation.

    Raises:
        DataError: images of this shape cannot be simulated.
    """
    limits = ACCELERATOR if devices.is_accelerator(images.device) else CPU
    image_steps = min(limits.image_steps, limits.bytes // network.bytes_per_image_step(images))
    stretches = max(1, image_steps // len(images) // limits.stretch)
    steps = max(1, min(timesteps, image_steps, stretches * limits.stretch))
    return Portion(images=max(1, image_steps // steps), steps=steps)


def over_images(
    network: SpikingNetwork, images: Tensor, timesteps: int, simulate: Simulate
) -> Tensor:
    """Simulate in portions of the images.

    Args:
        network: what is simulated.
        images: tensor of shape `[N, C, H, W]`.
        timesteps: the most steps that `simulate` runs in one go.
        simulate: from the network and some of the images to their logits, `[T, n, classes]`; if
            it is `Replayable`, accelerators replay it as a graph.

    Returns:
        Logits of all images, tensor of shape `[T, N, classes]`.

    Raises:
        ConfigError: there is no image, or the network is in training mode.
        DataError: images are not finite floating-point numbers, or of a shape that the network
            does not take.
    """
    if network.training:
        raise ConfigError(
            "expected a network in evaluation mode, but got one in training mode, in which dropout "
            "is random; call its `eval()` first"
        )
    require_images(images)
    if len(images) == 0:
        raise ConfigError(f"expected at least one image, but got shape {tuple(images.shape)}")
    count = math.ceil(len(images) / portion(network, images, timesteps).images)
    if devices.is_accelerator(images.device):
        # Of one size, which a graph has, but for the last: with images that count for nothing in
        # place of those it lacks, its sums would be in another order.
        parts = images.split(math.ceil(len(images) / count))
        results = [replayed(simulate, network, part) for part in parts]
    else:
        # A whole number of rounds, so that no thread waits while another has the last part.
        threads = torch.get_num_threads()
        count = min(len(images), math.ceil(count / threads) * threads)
        results = simulate_parts(network, images.tensor_split(count), simulate)
    return torch.cat(results, dim=1)


def over_time(
    network: SpikingNetwork,
    images: Tensor,
    timesteps: int,
    state: tuple[IFState, ...] | None = None,
) -> tuple[Tensor, tuple[IFState, ...]]:
    """Run a network portion after portion of the time; arguments and result are the network's.

    See `resnoise.simulation.network.SpikingNetwork.forward`.
    """
    steps = portion(network, images, timesteps).steps
    logits = []
    for start in range(0, timesteps, steps):
        state = None if state is None else _HandedOver(state)
        part, state = network(images, min(steps, timesteps - start), state)
        logits.append(part)
    return torch.cat(logits), state


class _HandedOver(list[IFState]):
    """States of which each is let go of when it is taken, so that it does not outlive its layer."""

    def __getitem__(self, index: int) -> IFState:
        state = super().__getitem__(index)
        self[index] = None
        return state
