"""The recipe that all methods are given on a data set, unless the user says otherwise.

Learning rates, schedules and starts were chosen on validation images, for all methods alike.
"""

from __future__ import annotations

from resnoise.config import Recipe

_DIGITS = Recipe(epochs=15, batch_size=64)
_PHOTOGRAPHS = Recipe(epochs=60, augmentation=("crop", "flip", "autoaugment", "cutout"))


def base_recipe(dataset: str) -> Recipe:
    """The recipe for a data set, by its name in `resnoise.datasets`."""
    return _DIGITS if dataset == "digits" else _PHOTOGRAPHS
