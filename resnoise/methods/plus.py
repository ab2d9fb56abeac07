"""NQ beyond the paper: the extensions that validation images speak for."""

from __future__ import annotations

from dataclasses import replace

from resnoise.config import Extensions, InductionConfig, Recipe
from resnoise.methods.nq import NQ


class NQPlus(NQ):
    """NQ whose noise is what spikes make of an activation: the local error of two steps, by level.

    The noise grows over the first quarter of the epochs. Chosen on validation images of CIFAR-10,
    see `docs/method.md`.
    """

    name = "nq-plus"

    def recipe(self, base: Recipe) -> Recipe:
        return replace(
            base,
            induction=InductionConfig(timesteps=2),
            extensions=Extensions(ramp=0.25, residual="local", distribution="conditional"),
        )
