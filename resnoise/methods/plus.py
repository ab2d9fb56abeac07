"""NQ beyond the paper: the extensions that validation images speak for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from resnoise.config.recipe import Extensions, InductionConfig, Recipe
from resnoise.methods.nq import NQ

_EPOCHS_OF_QCFS = 6
"""For each epoch of fine-tuning."""


class NQPlus(NQ):
    """QCFS, fine-tuned by NQ with noise drawn for each level of the activation.

    The noise is the local error of two steps, by level; it grows over the first quarter of the
    epochs.
    """

    name = "nq-plus"
    reported_as = NQ.name

    def published(self, dataset: str, architecture: str) -> None:
        return None

    def recipe(self, base: Recipe) -> Recipe:
        return replace(
            fine_tuning(base, ramp=0.25, residual="local", distribution="conditional"),
            induction=InductionConfig(timesteps=2),
        )


def fine_tuning(base: Recipe, **extensions: Any) -> Recipe:
    """The recipe of a method that is fine-tuned from QCFS.

    QCFS trains for the epochs of `base` at 0.1, its published learning rate; the fine-tuning for a
    sixth as many, at least one, at a fifth of that.
    """
    return replace(
        base,
        epochs=max(1, base.epochs // _EPOCHS_OF_QCFS),
        learning_rate=0.02,
        extensions=Extensions(
            start_from="qcfs", start_epochs=base.epochs, start_learning_rate=0.1, **extensions
        ),
    )
