"""What changes in the course of a training: the learning rate, and the size of the noise."""

from __future__ import annotations

import math

from resnoise.config.recipe import Recipe

# The first step of the warm-up has a rate above 0, as if this fraction of an epoch had passed.
_HEAD_START = 0.1


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Linear warm-up, then a cosine from the peak to 0.

    Args:
        recipe: peak, warm-up and number of epochs.
        epoch: time since the start in epochs, with fraction.
    """
    if epoch < recipe.warmup_epochs:
        return recipe.learning_rate * (epoch + _HEAD_START) / (recipe.warmup_epochs + _HEAD_START)
    done = (epoch - recipe.warmup_epochs) / (recipe.epochs - recipe.warmup_epochs)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def noise_ramp(recipe: Recipe, epoch: int) -> float:
    """Size of the noise in an epoch, counted from 1, as a share of its full size."""
    growing = recipe.extensions.ramp * recipe.epochs
    return min(1.0, epoch / growing) if growing else 1.0
