"""The results that are kept, as versioned schemas."""

from resnoise.records.fields import SCHEMA_VERSION, describe
from resnoise.records.packing import pack_correct, pack_test_ids
from resnoise.records.record import Record, RecordKey
from resnoise.records.training import (
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
