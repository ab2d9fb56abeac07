"""NQ beyond the paper: the extensions that validation images speak for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from resnoise.config import Extensions, InductionConfig, Recipe
from resnoise.methods.nq import NQ

_SHARE = 6
"""A sixth of the epochs comes on top of those of QCFS."""


class NQPlus(NQ):
    """QCFS, and then NQ with the noise that spikes make of an activation.

    The noise is the local error of two steps, by level. Chosen on validation images of CIFAR-10
    (`results/tables/cifar10-ablation-plus`).
    """

    name = "nq-plus"

    def recipe(self, base: Recipe) -> Recipe:
        return replace(
            going_on(base, ramp=0.25, residual="local", distribution="conditional"),
            induction=InductionConfig(timesteps=2),
        )


def going_on(base: Recipe, **extensions: Any) -> Recipe:
    """The recipe of a method that goes on from QCFS, for a sixth of the epochs that QCFS had.

    The learning rate of QCFS is 0.1, which it is published with, and then a fifth of it.
    """
    return replace(
        base,
        epochs=max(1, base.epochs // _SHARE),
        learning_rate=0.02,
        extensions=Extensions(
            start_from="qcfs", start_epochs=base.epochs, start_learning_rate=0.1, **extensions
        ),
    )
