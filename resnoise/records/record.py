"""The result of one evaluation."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, field_validator, model_validator

from resnoise.config.requirements import INTEGRATE_AND_FIRE, Division, Requirements
from resnoise.records.packing import unpack_correct, unpack_test_ids
from resnoise.records.schema import (
    SCHEMA_VERSION,
    Count,
    Fraction,
    Name,
    NotNegative,
    Place,
    Positive,
    Schema,
    Sha256,
    Text,
)
from resnoise.records.training_record import Session


class RecordKey(NamedTuple):
    """What a record is about; a store holds one record per key."""

    training: str
    method: str
    backend: str
    dataset: str
    architecture: str
    levels: int | None
    seed: int
    timesteps: int

    @property
    def network(self) -> RecordKey:
        """The same of whatever else the network is evaluated as, on and at."""
        return self._replace(method="", backend="", timesteps=0)


class Record(Schema):
    """One network evaluated on one test set by one backend at one number of time steps.

    Costs are for one image, averaged over the test set, and cover all `total_steps`; latency and
    peak memory are those of batches.
    """

    schema_version: Literal[1] = SCHEMA_VERSION

    # Identity
    training: Name = Field(description="name of the training whose network was evaluated")
    method: Name = Field(description="name of the method, as in the tables")
    backend: Name = Field(description="library that simulated the network")
    dataset: Place
    architecture: Name
    levels: Positive | None = Field(description="quantisation levels L; None if not quantised")
    seed: Count = Field(description="seed of the training, or fold of a cross-validation")
    timesteps: Positive = Field(description="simulation time steps T that the prediction uses")
    presimulation_steps: Count = Field(
        default=0, description="calibration steps τ or ρ of every image, before those T"
    )
    total_steps: Positive = Field(description="τ + T, or ρ + T")

    # What the method asks of the hardware and of the moment, see `Requirements`
    neuron: Name = Field(description="kind of neuron")
    calibration_images: Count = Field(
        default=0, description="training images looked at before any prediction"
    )
    spike_levels: Positive = Field(default=1, description="different values of a spike")
    looks_at_test_image: bool = Field(
        description="whether the network is adapted to the very image before it predicts it"
    )
    state_bytes: Count | None = Field(
        None, description="bytes that all neurons keep between time steps, for one image"
    )

    # Results
    accuracy: Fraction = Field(description="share of test images classified correctly")
    ann_accuracy: Fraction | None = Field(None, description="of the source network, no noise")
    ann_noisy_accuracy: Fraction | None = Field(None, description="same, training noise on")
    agreement: Fraction | None = Field(
        None, description="share of test images on which SNN and source network predict the same"
    )
    n_test: Positive = Field(description="test images")
    correct: str = Field(
        repr=False, description="whether each test image was right, by `pack_correct`"
    )
    test_ids: str = Field(
        repr=False, description="positions of the test images in the data set, by `pack_test_ids`"
    )

    # Cost
    latency_ms_per_image: NotNegative = Field(description="median, milliseconds per image")
    latency_iqr_ms: NotNegative = Field(description="interquartile range, milliseconds per image")
    latency_batch: Positive = Field(description="images per batch while latency was measured")
    latency_batch1_ms: NotNegative | None = Field(None, description="median at batch 1, ms")
    latency_batch1_iqr_ms: NotNegative | None = Field(
        None, description="interquartile range at batch 1, ms"
    )
    overhead_ratio: NotNegative | None = Field(
        None, description="R(T): time of τ + T SNN steps over τ + T times one ANN forward pass"
    )
    compiled: bool = Field(
        default=False, description="whether neurons and ANN were timed through torch.compile"
    )
    peak_memory_mib: NotNegative | None = Field(
        None, description="peak memory of a batch of `latency_batch` images, MiB"
    )
    firing_rate: Fraction = Field(description="spikes per neuron and time step")
    firing_rates: dict[str, Fraction] = Field(description="the same, layer by layer")
    synops_dense: NotNegative = Field(description="synaptic operations, zeros included")
    synops_effective: NotNegative = Field(description="synaptic operations on non-zero input")
    acs: NotNegative = Field(description="accumulate operations, spikes in")
    macs: NotNegative = Field(description="multiply-accumulate operations, real numbers in")
    ann_macs: NotNegative | None = Field(
        None, description="multiply-accumulates of one pass of the network without spikes"
    )
    energy_nj: NotNegative = Field(description="nanojoules at 4.6 pJ per MAC and 0.9 pJ per AC")
    parameters: Count = Field(description="parameters of the converted network")
    parameter_bytes: Count = Field(description="bytes of these parameters")

    # Provenance
    git_commit: Text = Field(description="commit of the code that ran; empty if unknown")
    git_dirty: bool = Field(description="whether tracked files differed from that commit")
    counts_commit: Text = Field(
        "",
        description="commit that simulated the same again to count operations anew, where "
        "`git_commit` counted them wrongly; else empty",
    )
    resnoise_version: Name
    torch_version: Name
    backend_version: Name
    python_version: Name
    device: Name = Field(description="torch device or name of the accelerator")
    precision: Literal["float32"] | None = Field(
        None,
        description="of the arithmetic; None if not noted: a GPU may have used TF32",
    )
    threads: Positive = Field(description="torch threads")
    machine: Name = Field(description="model of the processor")
    data_sha256: Sha256 = Field(description="of the data set's images and labels")
    checkpoint_sha256: Sha256 = Field(description="of the weights that were evaluated")
    recipe: dict[str, JsonValue] = Field(description="everything that decided the training")
    epochs: Count
    best_epoch: Count = Field(description="epoch whose weights were evaluated")
    validation_accuracy: Fraction | None = Field(None, description="by which it was chosen")
    train_seconds: NotNegative
    train_segments: list[Session] = Field([], description="where it trained; empty if not noted")
    created: Text = Field(description="ISO 8601 time of the evaluation")

    @model_validator(mode="before")
    @classmethod
    def _of_older_code(cls, fields: object) -> object:
        """Say of records from before there was a `neuron` what only one kind of method fits.

        Those with steps before T were of SRP, those without levels of direct training.
        """
        if not isinstance(fields, dict) or "neuron" in fields:
            return fields
        calibrated = fields.get("presimulation_steps", 0) != 0
        if calibrated:
            neuron = "gated integrate-and-fire"
        elif fields.get("levels") is None:
            neuron = "leaky integrate-and-fire"
        else:
            neuron = INTEGRATE_AND_FIRE
        return {"neuron": neuron, "looks_at_test_image": calibrated, **fields}

    @field_validator("recipe", mode="before")
    @classmethod
    def _plain_json(cls, value: object) -> object:
        """Turn tuples into lists now, so that a record equals itself after a trip to disk."""
        try:
            return json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"expected JSON values: {error}") from error

    @field_validator("created")
    @classmethod
    def _iso_time(cls, value: str) -> str:
        datetime.fromisoformat(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.total_steps != self.presimulation_steps + self.timesteps:
            raise ValueError(
                f"expected total_steps = presimulation_steps + timesteps = "
                f"{self.presimulation_steps + self.timesteps}, but got {self.total_steps}"
            )
        share = float(self.correct_array().mean())
        if abs(share - self.accuracy) > 1e-6:  # float32 accuracies are fine
            raise ValueError(f"expected accuracy {share} as in `correct`, but got {self.accuracy}")
        if self.best_epoch > self.epochs:
            raise ValueError(
                f"expected best_epoch of {self.epochs} epochs, but got {self.best_epoch}"
            )
        self.test_id_array()
        return self

    @property
    def key(self) -> RecordKey:
        """What this record is about."""
        return RecordKey(*(getattr(self, name) for name in RecordKey._fields))

    @property
    def requirements(self) -> Requirements:
        """What the method asks of the hardware and of the moment.

        `state_values` is left at its default: `state_bytes` says it of the network at hand.
        """
        return Requirements(
            neuron=self.neuron,
            calibration_steps=self.presimulation_steps,
            calibration_images=self.calibration_images,
            spike_levels=self.spike_levels,
            looks_at_test_image=self.looks_at_test_image,
        )

    @property
    def division(self) -> Division:
        """`plain` or `open`, as the requirements have it."""
        return self.requirements.division

    def correct_array(self) -> NDArray[np.bool_]:
        """Whether each test image was classified correctly, booleans of shape `(n_test,)`."""
        return unpack_correct(self.correct, self.n_test)

    def test_id_array(self) -> NDArray[np.int32]:
        """Position of each test image in its data set, integers of shape `(n_test,)`."""
        return unpack_test_ids(self.test_ids, self.n_test)
