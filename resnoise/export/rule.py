"""What a file of weights must say beside them, for somebody else to compute the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from resnoise.config.recipe import Recipe
from resnoise.datasets import normalisation
from resnoise.records.provenance import provenance
from resnoise.training.checkpoint import CheckpointInfo
from resnoise.training.job import Job

FORMAT = 1

NEURON = {
    "kind": "integrate-and-fire",
    "starts_at": "v(0) = θ/2",
    "integrates": "u = v + I(t)",
    "fires": "s(t) = 1 where u ≥ θ, at the threshold itself too, else 0",
    "resets": "v = u − θ s(t), by subtraction, in the same step",
    "sends": "θ s(t)",
}
"""The neuron of a converted network; the order of rounding is that of the equations."""


@dataclass(frozen=True)
class Rule:
    """How a network is run, and where it is from.

    Attributes:
        architecture: its name.
        dataset: the data set that it was trained on.
        classes: names in the order of the logits.
        input_shape: `(C, H, W)` of one image.
        mean, std, full_scale: network input is `(pixel / full_scale − mean) / std` per channel, and
            the same at every step.
        levels: L of the source network.
        method: that trained it.
        checkpoint_sha256: of its weights; empty for a model that was not trained here.
        recipe: that it was trained by.
    """

    architecture: str
    dataset: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    full_scale: float
    levels: int
    method: str
    checkpoint_sha256: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Nested values that JSON has, with the neuron's equations and the code that wrote them."""
        made_by = provenance()
        return {
            "format": FORMAT,
            **asdict(self),
            "neuron": NEURON,
            "prediction": "class of the largest sum of logits over steps 1 to T",
            "resnoise": {"version": made_by.resnoise_version, "commit": made_by.git_commit},
        }


def rule_of(info: CheckpointInfo) -> Rule:
    """The rule of a checkpoint's network.

    Raises:
        DataError: the data set that it was trained on is unknown.
    """
    job = info.job
    return Rule(
        architecture=job.architecture,
        dataset=job.dataset,
        classes=job.classes,
        input_shape=job.shape,
        **asdict(normalisation(job.dataset)),
        levels=Recipe.from_json(job.recipe).activation.levels,
        method=info.method,
        checkpoint_sha256=info.sha256,
        recipe=dict(job.recipe),
    )


def rule_of_model(job: Job) -> Rule:
    """The rule of a model of one's own, whose thresholds are calibrated and not trained."""
    return Rule(
        architecture=job.architecture,
        dataset=job.data.name,
        classes=job.data.classes,
        input_shape=job.data.shape,
        **asdict(normalisation(job.data.name)),
        levels=job.recipe.activation.levels,
        method=job.method.name,
    )
