"""Spiking networks that are trained as such, through time, with a surrogate gradient.

The neurons are the backend's own, leaky and with soft reset (`resnoise.backends.LeakyConfig` gives
their dynamics and surrogate), and BatchNorm takes its statistics over time and batch together. A
network is trained for one number of time steps T and one backend, and is evaluated at those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor, fx, nn
from torch.nn import functional as F

from resnoise import backends
from resnoise.backends import LeakyConfig
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.config.requirements import Requirements
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import spiking_graph
from resnoise.conversion.folding import folded
from resnoise.conversion.preparation import prepare
from resnoise.errors import ConfigError, DataError
from resnoise.methods import Method, Training, Validation
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.simulator import FromRest, Simulation, predictions
from resnoise.utils.ranks import gathered

# One for all backends. At T = 2, β from 0.25 to 0.75 and α = 1 or 2 gave the same accuracy on the
# validation images of digits, within 2 images of 720; α = 4 gave less.
LEAKY = LeakyConfig()


class Spec(NamedTuple):
    """What sets one direct training apart from another; its name says all of it.

    Attributes:
        backend: whose neurons are trained.
        timesteps: T.
    """

    backend: str
    timesteps: int

    @property
    def name(self) -> str:
        """Name of the training, such as `direct-ce-norse-T2`; ce is for its cross-entropy."""
        return f"direct-ce-{self.backend}-T{self.timesteps}"

    @classmethod
    def parse(cls, name: str) -> Spec:
        """The spec whose name this is."""
        match = re.fullmatch(r"direct-ce-(\w+)-T([1-9]\d*)", name)
        if match is None:
            raise ConfigError(
                "expected the name of a direct training, such as direct-ce-norse-T2, "
                f"but got {name!r}"
            )
        return cls(match[1], int(match[2]))


class DirectNetwork(SpikingNetwork):
    """A spiking network of leaky neurons that knows the T it is trained for.

    Args:
        body: graph from `(images, timesteps, state)` to `(logits, state)`.
        layers: names of the spiking layers, in the order of computation.
        backend: name of the backend its neurons are from.
        timesteps: T of training and evaluation.
    """

    def __init__(
        self, body: fx.GraphModule, layers: tuple[str, ...], backend: str, timesteps: int
    ) -> None:
        super().__init__(body, layers, backend)
        self.timesteps = timesteps

    def folded(self) -> SpikingNetwork:
        """A copy for evaluation, BatchNorm folded as in converted networks."""
        return SpikingNetwork(folded(self.body), self.layers, self.backend)


class AtTrainedTimesteps(FromRest):
    """Simulation from rest at the T that the network was trained for, and at no other."""

    def __init__(self, network: SpikingNetwork, timesteps: int) -> None:
        super().__init__(network)
        self.timesteps = timesteps

    def __call__(self, images: Tensor, timesteps: int) -> Tensor:
        if timesteps != self.timesteps:
            raise ConfigError(
                f"expected `timesteps` to be {self.timesteps}, which this network was trained "
                f"for, but got {timesteps}; train another network for it"
            )
        return super().__call__(images, timesteps)


def cross_entropy_of_mean(logits: Tensor, labels: Tensor) -> Tensor:
    r"""Cross-entropy of the prediction at T, :math:`CE(\frac1T \sum_t o(t), y)`.

    Args:
        logits: o(t) of every step, tensor of shape `[T, N, classes]`.
        labels: y, int64 tensor of shape `[N]`.
    """
    return F.cross_entropy(logits.mean(0), labels)


class Direct(Method):
    """Training through time on the cross-entropy of the mean logits."""

    name = "direct"
    paper = "https://arxiv.org/abs/1705.11146"
    requirements = Requirements(neuron="leaky integrate-and-fire")
    trained_timesteps = (2, 4, 6)

    def trainings(self, backend: str, timesteps: Sequence[int]) -> tuple[Training, ...]:
        return tuple(
            Training(Spec(backend, t).name, (t,)) for t in self.trained_timesteps if t in timesteps
        )

    def network(self, model: nn.Module, training: str, recipe: Recipe) -> DirectNetwork:
        spec = Spec.parse(training)
        leaky = backends.get(spec.backend).leaky
        body = prepare(model, ActivationConfig(threshold=LEAKY.threshold))
        layers = tuple(activations(body))
        spiking_graph(body, lambda threshold: leaky(LEAKY))
        return DirectNetwork(body, layers, spec.backend, spec.timesteps)

    def loss(self, network: DirectNetwork, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits, _ = network(images, network.timesteps)
        return cross_entropy_of_mean(logits, labels), logits.mean(0)

    def validate_(
        self, network: DirectNetwork, batches: Iterable[tuple[Tensor, Tensor]], recipe: Recipe
    ) -> Validation:
        simulation = self.simulation(network, network.backend)
        correct = seen = 0
        for images, labels in batches:
            predicted = predictions(simulation(images, network.timesteps))[-1]
            correct += (predicted == labels).sum().item()
            seen += len(labels)
        correct, seen = map(sum, zip(*gathered((correct, seen)), strict=True))
        if not seen:
            raise DataError("expected held-out images to choose the best epoch by, but got none")
        return Validation(correct / seen, {})

    def simulation(self, network: DirectNetwork, backend: str) -> Simulation:
        if backend != network.backend:
            raise ConfigError(
                f"expected the backend {network.backend!r}, whose neurons this network was "
                f"trained with, but got {backend!r}; train another network for it"
            )
        return AtTrainedTimesteps(network.folded(), network.timesteps)
