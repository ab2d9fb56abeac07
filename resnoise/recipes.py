"""Which recipe a method trains with.

All methods are given that of the data set, unless the user asks for the published ones.

Learning rates, schedules and starts were chosen on validation images, for all methods alike.
"""

from __future__ import annotations

from resnoise import methods
from resnoise.config import Recipe

_DIGITS = Recipe(epochs=15, batch_size=64)
_PHOTOGRAPHS = Recipe(epochs=60, augmentation=("crop", "flip", "autoaugment", "cutout"))


def recipe_for(method: str, dataset: str, *, published: bool = False) -> Recipe:
    """The recipe of a method on a data set.

    Args:
        method: name from `resnoise.methods.names()`.
        dataset: name from `resnoise.datasets`.
        published: the recipe of the method's paper, where it has one, instead of the one that all
            methods share.
    """
    chosen = methods.get(method)
    if published and chosen.published is not None:
        return chosen.published
    return chosen.recipe(base_recipe(dataset))


def base_recipe(dataset: str) -> Recipe:
    """The recipe for a data set, by its name in `resnoise.datasets`."""
    return _DIGITS if dataset == "digits" else _PHOTOGRAPHS
