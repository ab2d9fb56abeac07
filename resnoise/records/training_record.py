"""The course of one training, and the residual error that it ended with."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from resnoise.records.schema import (
    SCHEMA_VERSION,
    Count,
    Fraction,
    Name,
    NotNegative,
    Number,
    Place,
    Positive,
    Schema,
    Text,
)


class LayerNoise(Schema):
    """Residual error of one layer as induction measured it, in the unit of the activation."""

    mean: Number
    std: NotNegative
    sigma: NotNegative = Field(description="σ of the training noise")


class Epoch(Schema):
    """One epoch of a training."""

    epoch: Count
    train_loss: Number
    train_accuracy: Fraction
    validation_accuracy: Fraction
    seconds: NotNegative
    layers: dict[str, LayerNoise] = Field({})


class Histogram(Schema):
    """Counts of residual errors between `edges`, which are in the unit of the threshold θ."""

    edges: list[Number]
    counts: list[Count]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.edges) != len(self.counts) + 1 or not np.all(np.diff(self.edges) > 0):
            raise ValueError("expected increasing edges, one more than there are counts")
        return self


class LayerResidual(LayerNoise):
    """Residual error of one layer of the trained network; `threshold` is θ."""

    threshold: Annotated[Number, Field(gt=0)]
    histogram: Histogram


class Residual(Schema):
    """Residual error of the trained network, after a simulation of `timesteps` steps."""

    timesteps: Positive
    layers: dict[str, LayerResidual]


class TrainingRecord(Schema):
    """The course of one training and the residual error it ended with."""

    schema_version: Literal[1] = SCHEMA_VERSION
    training: Name
    method: Name
    dataset: Place
    architecture: Name
    seed: Count
    levels: Positive | None = Field(None, description="L; None if not quantised, or not noted")
    history: list[Epoch]
    residual: Residual | None = None


class Session(Schema):
    """Consecutive epochs of one training that ran in one way, in one place, on one code."""

    first_epoch: Annotated[int, Field(ge=1, description="the last is that before the next one's")]
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        description="of the arithmetic; bfloat16 is autocast, with weights in float32, and TF32 is "
        "what a GPU may take for float32, which older records do not tell apart"
    )
    compiled: bool = Field(description="whether it went through torch.compile")
    device: Text = Field(description="torch device or name of the accelerator")
    threads: Annotated[int, Field(ge=1, description="torch threads")]
    machine: Text = Field(description="model of the processor")
    torch_version: Text
    git_commit: Text = Field(description="commit of the code that ran; empty if unknown")
    git_dirty: bool = Field(description="whether tracked files differed from that commit")

    def __str__(self) -> str:
        """The place and the way, in one line, without epochs and commit."""
        return (
            f"{self.machine}, {self.device}, {self.threads} threads, {self.precision}"
            f"{', compiled' * self.compiled}, torch {self.torch_version}"
        )
