"""Made-up comparisons for the tests of reports, on three hundred images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resnoise.analysis.significance import Reference
from resnoise.records.record import Record
from resnoise.records.store import RecordStore
from tests.made_up import make_record

IMAGES = 300
NQ = Reference("nq")


def record(method: str, right: int, *, fold: int | None = None, **changes) -> Record:
    """A record whose first `right` images are right: of all, or of every third from `fold` on."""
    ids = np.arange(IMAGES) if fold is None else np.arange(fold, IMAGES, 3)
    seed = {} if fold is None else {"seed": fold}
    return make_record(method=method, correct=ids < right, test_ids=ids, **(seed | changes))


def store(directory: Path, records: list[Record]) -> Path:
    """Write records to a directory, and return it."""
    RecordStore(directory).add(records)
    return directory


def three_folds() -> list[Record]:
    """Three folds, two backends that agree, T = 1 and 2, and τ = 1 for one method.

    At T = 1: nq 270, worse 240 and close 268 right. At T = 2: all alike, pre ahead of nq.
    """
    right = {("nq", 1): 270, ("worse", 1): 240, ("close", 1): 268, ("pre", 1): 290}
    return [
        record(
            method,
            right.get((method, timesteps), 285),
            fold=fold,
            backend=backend,
            timesteps=timesteps,
            presimulation_steps=int(method == "pre"),
        )
        for method in ("nq", "worse", "close", "pre")
        for timesteps in (1, 2)
        for backend in ("norse", "snntorch")
        for fold in range(3)
    ]
