"""The results that are kept, as versioned schemas."""

from __future__ import annotations

from resnoise.records.packing import pack_correct, pack_test_ids
from resnoise.records.record import Record, RecordKey
from resnoise.records.schema import SCHEMA_VERSION, describe
from resnoise.records.training_record import (
    Epoch,
    Histogram,
    LayerNoise,
    LayerResidual,
    Residual,
    TrainingRecord,
)

__all__ = [
    "SCHEMA_VERSION",
    "Epoch",
    "Histogram",
    "LayerNoise",
    "LayerResidual",
    "Record",
    "RecordKey",
    "Residual",
    "TrainingRecord",
    "describe",
    "pack_correct",
    "pack_test_ids",
]
