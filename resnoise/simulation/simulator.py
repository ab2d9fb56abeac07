"""T steps of a spiking network, and the predictions they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from resnoise.config.checks import require_positive_int
from resnoise.simulation.batching import over_images, over_time
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.replaying import Replayable


class Spent(NamedTuple):
    """Time steps that a prediction takes of every image.

    Attributes:
        steps: of the whole network, those of a first phase included.
        calibration: that every layer of neurons receives beforehand, to calibrate itself. Layer
            after layer each is then sent the same steps again, and keeps the spikes that it answers
            with, to calibrate the next; only the last one can leave out those after `steps`.
    """

    steps: int
    calibration: int = 0


class Simulation(Protocol):
    """A way to run a spiking network; a method with phases of its own brings its own.

    Attributes:
        network: what is run.
    """

    network: SpikingNetwork

    def __call__(self, images: Tensor, timesteps: int) -> Tensor:
        """From images `[N, C, H, W]` to the logits of every step that counts, `[T, N, classes]`."""

    def spent(self, timesteps: int) -> Spent:
        """What a prediction at T takes, to be counted as its cost."""


class FromRest:
    """Simulation from rest, v(0) = θ/2: every step counts."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.network = network

    def __call__(self, images: Tensor, timesteps: int) -> Tensor:
        return simulate(self.network, images, timesteps)

    def spent(self, timesteps: int) -> Spent:
        return Spent(timesteps)


@torch.inference_mode()
def simulate(network: SpikingNetwork, images: Tensor, timesteps: int) -> Tensor:
    """Simulate a spiking network from rest, in portions that suit the device.

    Args:
        network: from `resnoise.convert`.
        images: tensor of shape `[N, C, H, W]`, the input current at every step.
        timesteps: T, at least 1.

    Returns:
        Logits of every step, tensor of shape `[T, N, classes]`.

    Raises:
        ConfigError: T is below 1, there is no image, or the network is in training mode.
        DataError: images are not finite floating-point numbers, or of a shape that the network
            does not take.

    Examples:
        >>> from torch import nn
        >>> from resnoise import convert, prepare
        >>> layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10)]
        >>> spiking = convert(prepare(nn.Sequential(*layers)).eval(), "reference")
        >>> simulate(spiking, torch.rand(5, 1, 8, 8), timesteps=3).shape
        torch.Size([3, 5, 10])
    """
    require_positive_int("timesteps", timesteps)
    return over_images(network, images, timesteps, _Steps(timesteps))


@dataclass(frozen=True)
class _Steps(Replayable):
    """T steps from rest."""

    timesteps: int

    def __call__(self, network: SpikingNetwork, images: Tensor) -> Tensor:
        return over_time(network, images, self.timesteps)[0]


def predictions(logits: Tensor) -> Tensor:
    """Predicted classes after every number of steps up to T.

    Logits are averaged over the steps so far; a sum has the same maximum and rounds less.

    Args:
        logits: of every step, tensor of shape `[T, N, classes]`.

    Returns:
        Tensor of shape `[T, N]`; row `t` is the prediction of a simulation of `t + 1` steps.

    Examples:
        >>> logits = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]]])  # of one image, T = 2
        >>> predictions(logits)
        tensor([[0],
                [1]])
    """
    return logits.cumsum(0).argmax(-1)
