"""Where an epoch draws its random numbers from: of its seed and its number alone.

So a training that is stopped after any epoch, and resumed, draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from resnoise.conversion.activation import activations
from resnoise.utils.ranks import of_this_rank
from resnoise.utils.seeding import generator_for


@contextmanager
def callers_generators_kept(device: torch.device) -> Iterator[None]:
    """Within the context, the global generators may be seeded; afterwards they are as before.

    What the caller draws from them must not repeat after every epoch.
    """
    accelerators = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(accelerators, device_type=device.type):
        yield


def seed_epoch_(
    network: nn.Module, order: torch.Generator, seed: int, epoch: int, device: torch.device
) -> None:
    """Seed all that is random in an epoch, by the seed of the training and the epoch alone.

    The order and augmentation of the images is the same in all processes of a group, noise and
    dropout are drawn by each for itself.

    Args:
        network: its activations draw the noise.
        order: generator of the order of the images and of their augmentation.
        seed: of the training.
        epoch: which one, from 1.
        device: of the training.
    """
    order.manual_seed(generator_for(seed, "order", epoch).initial_seed())
    noise = of_this_rank(generator_for(seed, "noise", epoch))
    for layer in activations(network).values():
        layer.seed_noise_(noise)
    # Dropout takes no generator of its own, nor does noise that is drawn in the step.
    # torch.manual_seed would seed all accelerators, of which only that of the training is
    # restored after the epoch.
    dropout = of_this_rank(generator_for(seed, "dropout", epoch)).initial_seed()
    torch.random.default_generator.manual_seed(dropout)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(dropout)
