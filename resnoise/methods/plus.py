"""NQ beyond the paper: the extensions that the ablation on validation images speaks for."""

from __future__ import annotations

from dataclasses import replace

from resnoise.config import Extensions, Recipe
from resnoise.methods.nq import NQ


class NQPlus(NQ):
    """NQ with the extensions that `chosen` switches on."""

    name = "nq-plus"
    chosen = Extensions(threshold_weight_decay=False)

    def recipe(self, base: Recipe) -> Recipe:
        return replace(base, extensions=self.chosen)
