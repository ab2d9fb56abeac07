"""Made-up records and trainings for tests of what reads them; none of it was measured."""

from __future__ import annotations

import numpy as np

from resnoise.records.packing import pack_correct, pack_test_ids
from resnoise.records.record import Record
from resnoise.records.training_record import TrainingRecord


def make_record(*, correct=(1, 1, 1, 0), test_ids=None, **changes) -> Record:
    """A valid record; `changes` replace fields, and what depends on them follows."""
    correct = np.asarray(correct, dtype=bool)
    timesteps = changes.setdefault("timesteps", 2)
    total = changes.setdefault("presimulation_steps", 0) + timesteps
    method = changes.setdefault("method", "nq")
    fields = {
        "training": method,
        "backend": "norse",
        "dataset": "digits",
        "architecture": "smallnet",
        "levels": 4,
        "seed": 0,
        "total_steps": total,
        **_declared(changes),
        "accuracy": correct.mean().item(),
        "ann_accuracy": 0.99,
        "ann_noisy_accuracy": 0.98,
        "agreement": 0.97,
        "n_test": len(correct),
        "correct": pack_correct(correct),
        "test_ids": pack_test_ids(np.arange(len(correct)) if test_ids is None else test_ids),
        "latency_ms_per_image": 0.05 * total,
        "latency_iqr_ms": 0.004 * total,
        "latency_batch": 64,
        "latency_batch1_ms": 0.9 * total,
        "overhead_ratio": 1.2,
        "peak_memory_mib": 310.5,
        "firing_rate": 0.21,
        "firing_rates": {"act1": 0.3, "act2": 0.12},
        "synops_dense": 1.2e6 * total,
        "synops_effective": 2.7e5 * total,
        "acs": 2.5e5 * total,
        "macs": 9216.0,
        "energy_nj": 0.9e-3 * 2.5e5 * total + 4.6e-3 * 9216,
        "parameters": 24_682,
        "parameter_bytes": 98_728,
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "git_dirty": False,
        "resnoise_version": "0.1.0",
        "torch_version": "2.13.0+cpu",
        "backend_version": "1.1.0",
        "python_version": "3.11.9",
        "device": "cpu",
        "threads": 2,
        "machine": "Made-up CPU",
        "data_sha256": "d" * 64,
        "checkpoint_sha256": "c" * 64,
        "recipe": {"epochs": 30, "augmentation": ("crop", "flip")},
        "epochs": 30,
        "best_epoch": 27,
        "validation_accuracy": 0.975,
        "train_seconds": 12.5,
        "created": "2026-01-02T03:04:05+00:00",
    }
    return Record(**(fields | changes))


def _declared(changes: dict) -> dict:
    """What a record of these fields says of its method."""
    calibrated = changes["presimulation_steps"] > 0
    neuron = "gated integrate-and-fire" if calibrated else "integrate-and-fire"
    return {"neuron": neuron, "looks_at_test_image": calibrated}


def make_training(method: str = "nq", seed: int = 0, layers: int = 3) -> TrainingRecord:
    """A valid training with Gaussian residual errors, wider in deeper layers."""
    rng = np.random.default_rng(seed)
    edges = np.linspace(-1, 1, 41)
    noise = {}
    for index in range(1, layers + 1):
        errors = rng.normal(0, (0.06 if method == "nq" else 0.1) * index, 4000)
        std = float(errors.std())
        noise[f"act{index}"] = {
            "mean": float(errors.mean()),
            "std": std,
            "sigma": std if method == "nq" else 0.0,
        }
        counts = np.histogram(errors, edges)[0]
        noise[f"act{index}"] |= {
            "threshold": 1.0,
            "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
        }
    plain = {
        layer: {name: values[name] for name in ("mean", "std", "sigma")}
        for layer, values in noise.items()
    }
    epoch = {"train_loss": 0.3, "train_accuracy": 0.9, "validation_accuracy": 0.95, "seconds": 1.5}
    return TrainingRecord.model_validate(
        {
            "training": method,
            "method": method,
            "dataset": "digits",
            "architecture": "smallnet",
            "seed": seed,
            "history": [{"epoch": 1, **epoch, "layers": plain}],
            "residual": {"timesteps": 4, "layers": noise},
        }
    )
