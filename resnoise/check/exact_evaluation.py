"""Figures of evaluation: the record of fixed weights, statistics of fixed outcomes, energies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from resnoise.check.measurement import Figure, Kind, digest
from resnoise.check.public import public

TIMESTEPS = (1, 4)
# Accuracies of five seeds, and p-values, that nothing measured.
SEEDS = (0.911, 0.902, 0.934, 0.918, 0.897)
P_VALUES = (0.012, 0.001, 0.2, 0.04)
PAIRS = 400  # of an image and a seed


def groups(checkpoint: Path) -> dict[str, Callable[[], Iterator[Figure]]]:
    """Groups of figures by name.

    Args:
        checkpoint: `best.json` of the fixed weights.
    """
    return {
        "record": lambda: record_figures(checkpoint),
        "accuracy": lambda: accuracy_figures(checkpoint),
        "energy": energy_figures,
        "intervals": interval_figures,
        "paired tests": paired_figures,
    }


def record_figures(checkpoint: Path) -> Iterator[Figure]:
    """What a record says of trained weights on the test images of digits, times left out."""
    from resnoise.methods import Training

    job = public("job_of")(checkpoint, public("DataOptions")("digits"))
    training = Training(job.training, TIMESTEPS)
    for record in public("evaluate")(job, checkpoint, "reference", training):
        place = f"record, T={record.timesteps}"
        for name in ("accuracy", "ann_accuracy", "ann_noisy_accuracy", "agreement"):
            images = round(getattr(record, name) * record.n_test)
            yield Figure(f"{place}: images of {name}", Kind.IMAGES, images)
        for name in ("n_test", "levels", "epochs", "best_epoch", "parameters"):
            yield Figure(f"{place}: {name}", Kind.IDENTICAL, getattr(record, name))
        ids = digest(torch.from_numpy(record.test_id_array()))
        yield Figure(f"{place}: digest of test images", Kind.IDENTICAL, ids)
        for name in ("acs", "macs", "energy_nj", "firing_rate", "validation_accuracy"):
            yield Figure(f"{place}: {name}", Kind.CLOSE, getattr(record, name))


def accuracy_figures(checkpoint: Path) -> Iterator[Figure]:
    """Test images right by the function that studies use, in batches of which one is not whole."""
    job = public("job_of")(checkpoint, public("DataOptions")("digits"))
    network = job.load(checkpoint)
    right = public("simulated_accuracies")(job, network, job.data.test, max(TIMESTEPS))
    for timesteps, share in enumerate(right, start=1):
        images = round(share * len(job.data.test))
        yield Figure(f"accuracy, T={timesteps}: test images right", Kind.IMAGES, images)


def energy_figures() -> Iterator[Figure]:
    """Energies of a million operations, and the operations of one pass told from two times."""
    from resnoise.metrics import energy

    yield Figure("energy: nJ of MACs", Kind.CLOSE, energy.energy_nj(1e6))
    yield Figure("energy: nJ of ACs", Kind.CLOSE, energy.energy_nj(0.0, 1e6))
    yield Figure("energy: MACs of a pass", Kind.CLOSE, energy.ann_macs({2: 1100.0, 4: 2000.0}))


def interval_figures() -> Iterator[Figure]:
    """Both ends of every interval, and p-values that are corrected together."""
    intervals = {
        "Wilson": public("wilson_interval")(7, 9),
        "bootstrap": public("bootstrap_interval")(SEEDS, np.random.default_rng(0)),
        "Student": public("student_interval")(SEEDS),
        "Student, corrected": public("student_interval")(SEEDS, 0.25),
    }
    for name, (low, high) in intervals.items():
        yield Figure(f"intervals: low end of {name}", Kind.CLOSE, low)
        yield Figure(f"intervals: high end of {name}", Kind.CLOSE, high)
    for p, adjusted in zip(P_VALUES, public("holm")(P_VALUES).tolist(), strict=True):
        yield Figure(f"intervals: Holm's p of {p}", Kind.CLOSE, adjusted)


def paired_figures() -> Iterator[Figure]:
    """McNemar's test on outcomes of four seeds, and how much of their images the seeds share."""
    index = np.arange(PAIRS)
    first, second = index * 37 % 100 < 91, index * 53 % 100 < 86
    images, seeds = index % (PAIRS // 2), index // (PAIRS // 4)
    for name, of in (("images apart", None), ("images of several seeds", images)):
        test = public("mcnemar")(first, second, of)
        for field in ("first_only", "second_only", "difference", "p"):
            value = getattr(test, field)
            yield Figure(f"paired tests, {name}: {field}", Kind.CLOSE, value)
    pairs = public("Pairs")(first, second, images, seeds)
    yield Figure("paired tests: test to train", Kind.CLOSE, pairs.test_to_train())
    for seed, difference in enumerate(pairs.by_seed()):
        yield Figure(f"paired tests: difference of seed {seed}", Kind.CLOSE, float(difference))
