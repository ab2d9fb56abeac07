"""Methods that train nothing: other simulations of a network that some method trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

from torch import Tensor, fx, nn

from resnoise import methods
from resnoise.config.recipe import Recipe
from resnoise.errors import ConfigError
from resnoise.methods.conversion_method import ConversionMethod
from resnoise.methods.method import Method, Training, Validation


class PostTraining(ConversionMethod):
    """Another simulation of the source network that a conversion method trained.

    One class serves every such network, and its name says which. A class `some`, published on the
    networks of `base`, is `some` on these, `some-plus` on those of `base-plus`, and `some-other` on
    those of `other`. A subclass declares `requirements` and overrides `simulation`; one line
    declares it.

    Args:
        trained: the method whose network it is; default is `published_on`.

    Attributes:
        name: as in tables; of the class, the name on the network of `published_on`.
        published_on: the class of methods whose networks the paper has.
    """

    name: str
    published_on: ClassVar[type[ConversionMethod]]

    def __init__(self, trained: ConversionMethod | None = None) -> None:
        self.trained = trained or self.published_on()
        self.name = self._name_on(self.trained.name)

    @classmethod
    def named(cls, name: str) -> Self | None:
        for known in methods.names():
            if cls._name_on(known) == name:
                trained = methods.get(known)
                return cls(trained) if _is_converted(trained) else None
        return None

    def applied_to(self, trained: Method) -> Method:
        if isinstance(trained, PostTraining):
            trained = trained.trained
        if not _is_converted(trained):
            raise ConfigError(
                f"expected a network that was trained for conversion, but got one of "
                f"{trained.name}, which {self.name} cannot simulate: its neurons are its own"
            )
        # Who names a combination, such as `some-plus`, means that one.
        return type(self)(trained) if self.name == type(self).name else self

    @classmethod
    def _name_on(cls, trained: str) -> str:
        base = cls.published_on.name
        if trained == base or trained.startswith(f"{base}-"):
            return cls.name + trained.removeprefix(base)
        return f"{cls.name}-{trained}"

    @property
    def reported_as(self) -> str:
        return self._name_on(self.trained.reported_as)

    @property
    def induces_noise(self) -> bool:
        return self.trained.induces_noise

    @property
    def trained_timesteps(self) -> tuple[int, ...] | None:
        return self.trained.trained_timesteps

    @property
    def capturable(self) -> bool:
        return self.trained.capturable

    def trainings(self, backend: str, timesteps: Sequence[int]) -> tuple[Training, ...]:
        return self.trained.trainings(backend, timesteps)

    def recipe(self, base: Recipe) -> Recipe:
        return self.trained.recipe(base)

    def published(self, dataset: str, architecture: str) -> Recipe | None:
        return self.trained.published(dataset, architecture)

    def levels(self, recipe: Recipe) -> int | None:
        return self.trained.levels(recipe)

    def network(self, model: nn.Module, training: str, recipe: Recipe) -> fx.GraphModule:
        return self.trained.network(model, training, recipe)

    def start_(self, network: fx.GraphModule, recipe: Recipe, calibration: Tensor) -> None:
        self.trained.start_(network, recipe, calibration)

    def loss(
        self, network: fx.GraphModule, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self.trained.loss(network, images, labels)

    def validate_(
        self, network: fx.GraphModule, batches: Iterable[tuple[Tensor, Tensor]], recipe: Recipe
    ) -> Validation:
        return self.trained.validate_(network, batches, recipe)

    def source(self, network: fx.GraphModule) -> fx.GraphModule:
        return self.trained.source(network)


def _is_converted(trained: Method) -> bool:
    """Whether a method trains networks, and for conversion."""
    return isinstance(trained, ConversionMethod) and not isinstance(trained, PostTraining)
