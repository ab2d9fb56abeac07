"""What decides the outcome of a training, apart from method, data and seed."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from pydantic import Field

from resnoise.config.checks import MOST_TIMESTEPS
from resnoise.config.settings import (
    IntOrZero,
    MethodName,
    NotNegativeNumber,
    PositiveInt,
    PositiveNumber,
    PositiveShare,
    Share,
    ShareBelowOne,
    Switch,
    integer,
    one_of,
    settings,
)
from resnoise.errors import ConfigError

AUGMENTATIONS = ("crop", "flip", "autoaugment", "cutout")
DISTRIBUTIONS = ("gaussian", "measured", "conditional")
RESIDUALS = ("end-to-end", "local")
VALIDATION_FRACTION = 0.1
"""Share of the training images that is held out to choose epochs and to measure noise on."""
MOST_LEVELS = 2**16
"""Of quantisation: float32 tells so many apart, and statistics by level still fit in memory."""

Threshold = Annotated[
    PositiveNumber | Literal["data"], Field(description='a number larger than 0, or "data"')
]


@settings
class ActivationConfig:
    """The quantised activation of a source network.

    Args:
        levels: number of quantisation levels L above zero, at least 1.
        threshold: where every layer's trainable clipping value λ starts, or `"data"` to start
            it from the activations of training images (`resnoise.fit_thresholds_`).
        quantile: where `"data"` puts it: the share of a layer's positive pre-activations that is
            not clipped at first, in (0, 1].

    Examples:
        >>> ActivationConfig(levels=2).threshold
        'data'
        >>> ActivationConfig(levels=0)
        Traceback (most recent call last):
        ...
        resnoise.errors.ConfigError: expected argument `levels` to be an integer ..., but got 0
    """

    levels: Annotated[int, integer(le=MOST_LEVELS)] = 4
    threshold: Threshold = "data"
    quantile: PositiveShare = 0.9


@settings
class InductionConfig:
    """How the residual error is measured that becomes the training noise.

    Args:
        timesteps: simulation time steps T of the spiking network, 4 in the paper.

    Examples:
        >>> InductionConfig().timesteps
        4
    """

    timesteps: Annotated[int, integer(le=MOST_TIMESTEPS)] = 4


@settings
class Extensions:
    """What goes beyond the published methods, each a switch of its own; by default all are off.

    Only methods with noise have a use for those from `ramp` on. Equations are in
    `docs/method.md`, under "Beyond the paper".

    Args:
        threshold_weight_decay: whether weight decay acts on λ too, as published.
        start_from: method whose training, by its own version of this recipe without these
            extensions and with the paper's induction, gives the weights and thresholds to start
            from; it starts from scratch itself, as does this one if `""`.
        start_epochs: epochs of that training; 0 for as many as this one has.
        start_learning_rate: peak of its schedule; 0 for that of this one.
        ramp: share of the epochs, in [0, 1], over which the noise grows to its full size.
        averaging: share, in [0, 1), of the old σ² in the new one, over epochs.
        residual: the error that is measured, `"end-to-end"` or `"local"`: that of one layer alone.
        distribution: of the noise, `"gaussian"`, `"measured"`: that of the residual error itself,
            or `"conditional"`: that of the residual error given the level, its mean included.
        compensate: whether the mean residual error is taken off the activation in training.

    Examples:
        >>> Extensions(start_from="qcfs", ramp=0.25).switched_on()
        {'start_from': 'qcfs', 'ramp': 0.25}
    """

    threshold_weight_decay: Switch = True
    start_from: MethodName = ""
    start_epochs: IntOrZero = 0
    start_learning_rate: NotNegativeNumber = 0.0
    ramp: Share = 0.0
    averaging: ShareBelowOne = 0.0
    residual: Annotated[Literal[RESIDUALS], one_of(*RESIDUALS)] = "end-to-end"
    distribution: Annotated[Literal[DISTRIBUTIONS], one_of(*DISTRIBUTIONS)] = "gaussian"
    compensate: Switch = False

    def __post_init__(self) -> None:
        for name in ("start_epochs", "start_learning_rate"):
            if getattr(self, name) and not self.start_from:
                raise ConfigError(
                    f"expected argument `start_from` to name a method where `{name}` is "
                    f"{getattr(self, name)}, but got none"
                )
        if self.distribution == "conditional" and (self.compensate or self.averaging):
            raise ConfigError(
                "the conditional distribution has the mean of the error in it and is measured "
                "anew after every epoch: expected `compensate` to be False and `averaging` to be "
                f"0 with it, but got {self.compensate} and {self.averaging:g}"
            )

    def switched_on(self) -> dict[str, Any]:
        """What differs from the defaults, by name."""
        values = {field: getattr(self, field.name) for field in fields(self)}
        return {field.name: value for field, value in values.items() if value != field.default}


@settings
class Recipe:
    """Everything that decides the outcome of a training, apart from method, data and seed.

    Args:
        epochs: passes over the training split.
        batch_size: images per step.
        learning_rate: peak of the cosine schedule.
        momentum: of SGD.
        weight_decay: on every parameter, λ included as in the published recipes unless an extension
            takes it off.
        warmup_epochs: epochs of linear warm-up before the cosine.
        augmentation: names from `AUGMENTATIONS`, applied to training images only.
        activation: levels and start of the thresholds.
        induction: how the noise is measured, for methods that use it.
        extensions: what goes beyond the published methods.

    Examples:
        >>> recipe = Recipe(epochs=10, activation=ActivationConfig(levels=2))
        >>> recipe.learning_rate
        0.05
        >>> Recipe.from_json(recipe.to_json()) == recipe
        True
    """

    epochs: PositiveInt = 60
    batch_size: PositiveInt = 128
    learning_rate: PositiveNumber = 0.05
    momentum: NotNegativeNumber = 0.9
    weight_decay: NotNegativeNumber = 5e-4
    warmup_epochs: NotNegativeNumber = 1.0
    augmentation: Annotated[tuple[str, ...], Field(description="names, as a tuple")] = ()
    activation: Annotated[ActivationConfig, Field(description="an ActivationConfig")] = (
        ActivationConfig()
    )
    induction: Annotated[InductionConfig, Field(description="an InductionConfig")] = (
        InductionConfig()
    )
    extensions: Annotated[Extensions, Field(description="Extensions")] = Extensions()

    def __post_init__(self) -> None:
        unknown = [name for name in self.augmentation if name not in AUGMENTATIONS]
        if unknown:
            raise ConfigError(
                f"unknown augmentation {unknown[0]!r}; known: {', '.join(AUGMENTATIONS)}"
            )
        # In the order in which they are applied, whatever the order in which they are named.
        applied = tuple(name for name in AUGMENTATIONS if name in self.augmentation)
        object.__setattr__(self, "augmentation", applied)

    def to_json(self) -> dict[str, Any]:
        """The recipe in plain JSON values, as checkpoints and records keep it.

        Of the extensions it names those that are on, and has no such key if none is: a recipe
        from before there was an extension stays equal to the same one of today.
        """
        values = asdict(self)
        values["extensions"] = self.extensions.switched_on()
        if not values["extensions"]:
            del values["extensions"]
        return json.loads(json.dumps(values))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        """The recipe that `to_json` was made from."""
        return cls(
            **{
                **values,
                "augmentation": tuple(values["augmentation"]),
                "activation": ActivationConfig(**values["activation"]),
                "induction": InductionConfig(**values["induction"]),
                "extensions": Extensions(**values.get("extensions", {})),
            }
        )
