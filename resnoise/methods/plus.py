"""NQ beyond the paper: the extensions that validation images speak for."""

from __future__ import annotations

from dataclasses import replace

from resnoise.config import Extensions, InductionConfig, Recipe
from resnoise.methods.nq import NQ


class NQPlus(NQ):
    """NQ whose noise is what spikes make of an activation: the local error of two steps, by level.

    The noise grows over the first quarter of the epochs, and the learning rate is 0.1. Chosen on
    validation images of CIFAR-10 (`results/tables/cifar10-ablation-plus`).
    """

    name = "nq-plus"

    def recipe(self, base: Recipe) -> Recipe:
        return replace(
            base,
            learning_rate=0.1,
            induction=InductionConfig(timesteps=2),
            extensions=Extensions(ramp=0.25, residual="local", distribution="conditional"),
        )
