"""Which recipe a method trains with.

All methods are given that of the data set, unless the user asks for the published ones; the plus
methods make their own of it.

Learning rates, schedules and starts were chosen on validation images, for all methods alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resnoise.config.recipe import Recipe
from resnoise.errors import ConfigError

_DIGITS = Recipe(epochs=15, batch_size=64)
_PHOTOGRAPHS = Recipe(epochs=60, augmentation=("crop", "flip", "autoaugment", "cutout"))


def recipe_for(
    method: str,
    dataset: str,
    architectures: Sequence[str],
    *,
    published: bool = False,
    epochs: int | None = None,
) -> Recipe:
    """The recipe of a method on a data set.

    Args:
        method: name from `resnoise.methods.names()`.
        dataset: name from `resnoise.datasets`.
        architectures: names from `resnoise.models` that are trained by it.
        published: the recipe of the method's paper, where it has one, instead of the one that all
            methods share.
        epochs: of the recipe that this one is made from, instead of its own.

    Raises:
        ConfigError: there is no such method, or papers train these architectures differently.
    """
    from resnoise import methods  # and with it torch, which `--help` need not wait for

    chosen = methods.get(method)
    papers = [chosen.published(dataset, name) for name in architectures] if published else [None]
    if any(recipe != papers[0] for recipe in papers):
        raise ConfigError(
            f"expected one published recipe of {method}, but it has one for each of "
            f"{', '.join(architectures)} on {dataset}; train one architecture at a time"
        )
    if papers[0] is not None:
        return _lasting(papers[0], epochs)
    return chosen.recipe(_lasting(base_recipe(dataset), epochs))


def _lasting(recipe: Recipe, epochs: int | None) -> Recipe:
    return recipe if epochs is None else replace(recipe, epochs=epochs)


def base_recipe(dataset: str) -> Recipe:
    """The recipe for a data set, by its name in `resnoise.datasets`."""
    return _DIGITS if dataset == "digits" else _PHOTOGRAPHS


def default_architecture(dataset: str) -> str:
    """The architecture of a data set's first comparison."""
    return "digits-cnn" if dataset == "digits" else "resnet20"


def default_seeds(dataset: str) -> str:
    """The five folds of digits; one seed where a training takes hours."""
    return "0,1,2,3,4" if dataset == "digits" else "0"
