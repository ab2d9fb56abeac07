"""What a method is: a way to get a spiking network, from a model with ReLUs and a recipe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Self

from torch import Tensor, nn
from torch.nn import functional as F

from resnoise.config.recipe import Recipe
from resnoise.config.requirements import Requirements
from resnoise.noise.residual import LayerError
from resnoise.simulation.simulator import Simulation


class Training(NamedTuple):
    """One network to train, and what it is evaluated at.

    Attributes:
        name: equal names are trained once, also by different methods.
        timesteps: every T that the network is evaluated at.
    """

    name: str
    timesteps: tuple[int, ...]


class Validation(NamedTuple):
    """What the held-out images say after an epoch.

    Attributes:
        accuracy: of the spiking network, as a fraction; the best epoch is chosen by it.
        layers: residual error by layer, empty for methods without a source network.
    """

    accuracy: float
    layers: dict[str, LayerError]


class Method(ABC):
    """A method under comparison. Its instances hold no state."""

    name: ClassVar[str]
    paper: ClassVar[str] = ""
    """Web address of the paper that the method is from; empty if there is none."""
    requirements: ClassVar[Requirements] = Requirements()
    """What it asks of the hardware and of the moment."""
    trained_timesteps: ClassVar[tuple[int, ...] | None] = None
    """The T that there can be a network for; None if every T will do."""
    capturable: ClassVar[bool] = False
    """Whether a step of its training looks at no value, so that a CUDA graph can be made of it."""

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The method called `name`, of those that this class serves; None if it is none of them."""
        return cls() if name == cls.name else None

    def applied_to(self, trained: Method) -> Method:
        """What this method is on a network that `trained` trained; by default itself.

        Raises:
            ConfigError: it cannot be applied to such a network.
        """
        return self

    @property
    def reported_as(self) -> str:
        """The name that papers report it under: of a variant, that of the method that it varies."""
        return self.name

    @abstractmethod
    def trainings(self, backend: str, timesteps: Sequence[int]) -> tuple[Training, ...]:
        """What must be trained to evaluate on `backend` at each of `timesteps`."""

    def recipe(self, base: Recipe) -> Recipe:
        """The recipe of this method, given that of the data set."""
        return base

    def published(self, dataset: str, architecture: str) -> Recipe | None:
        """Recipe of the paper, where there is one; comparisons train from one recipe for all."""
        return None

    def levels(self, recipe: Recipe) -> int | None:
        """Quantisation levels L of the network before conversion, None if it has none."""
        return None

    @abstractmethod
    def network(self, model: nn.Module, training: str, recipe: Recipe) -> nn.Module:
        """Turn a model with plain ReLUs into the network that is trained."""

    def start_(self, network: nn.Module, recipe: Recipe, calibration: Tensor) -> None:
        """Set what training starts from, given training images `[N, C, H, W]`; nothing here."""
        return

    def loss(self, network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Training loss, a scalar, and logits `[N, classes]` of one batch."""
        logits = network(images)
        return F.cross_entropy(logits, labels), logits

    @abstractmethod
    def validate_(
        self, network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], recipe: Recipe
    ) -> Validation:
        """Look at held-out images after an epoch; may prepare `network` for the next one."""

    @abstractmethod
    def simulation(self, network: nn.Module, backend: str) -> Simulation:
        """The spiking network of a trained network, on `backend`."""

    def source(self, network: nn.Module) -> nn.Module | None:
        """The network without spikes that the spiking one approximates, or None."""
        return None
