"""What all conversion methods share: a source network, trained once for every backend and T."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from torch import Tensor, fx, nn

from resnoise.config.recipe import Recipe
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.methods.induction import extend_noise_, induce, set_noise_
from resnoise.methods.method import Method, Training, Validation
from resnoise.simulation.simulator import FromRest, Simulation
from resnoise.utils import device as devices

PUBLISHED_DATASETS = ("cifar10", "cifar100")
"""Of this suite, those that the papers of conversion have recipes for."""


class ConversionMethod(Method):
    """Train a source network, convert it, simulate it from rest.

    Examples:
        >>> import resnoise
        >>> class Mine(ConversionMethod):  # trained without noise
        ...     name, label, induces_noise = "mine", "Mine", False
        >>> network = Mine().network(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), "mine", Recipe())
        >>> activations(network)["1"].noise
        'never'

    Attributes:
        induces_noise: whether the residual error becomes training noise.
    """

    induces_noise: ClassVar[bool]
    capturable = True

    def trainings(self, backend: str, timesteps: Sequence[int]) -> tuple[Training, ...]:
        return (Training(self.name, tuple(timesteps)),)

    def levels(self, recipe: Recipe) -> int:
        return recipe.activation.levels

    def network(self, model: nn.Module, training: str, recipe: Recipe) -> fx.GraphModule:
        network = prepare(model, recipe.activation)
        if self.induces_noise:
            extend_noise_(network, recipe.extensions)
        else:
            for layer in activations(network).values():
                layer.noise = "never"
        return network

    def start_(self, network: fx.GraphModule, recipe: Recipe, calibration: Tensor) -> None:
        if recipe.activation.threshold == "data":
            fit_thresholds_(network, calibration, quantile=recipe.activation.quantile)
        convert(network)  # what cannot be is found here, not after an epoch of training

    def validate_(
        self, network: fx.GraphModule, batches: Iterable[tuple[Tensor, Tensor]], recipe: Recipe
    ) -> Validation:
        extensions = recipe.extensions
        induction = induce(
            network,
            batches,
            recipe.induction.timesteps,
            local=extensions.residual == "local",
            histograms=self.induces_noise and extensions.distribution != "gaussian",
            side_by_side=devices.is_accelerator(next(network.parameters()).device),
        )
        if self.induces_noise:
            set_noise_(network, induction, extensions.averaging)
        return Validation(induction.accuracy[-1], induction.layers)

    def simulation(self, network: fx.GraphModule, backend: str) -> Simulation:
        return FromRest(convert(network, backend))

    def source(self, network: fx.GraphModule) -> fx.GraphModule:
        return network
