"""What conversion costs in accuracy, on digits, of networks that the measured commit trains."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import fmean

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import BACKENDS_THAT_AGREE, CONVERTED, METHODS, SMOKE, sweep

try:
    from resnoise import methods
    from resnoise.backends import available
    from resnoise.compare import Workplace, compare
    from resnoise.config import Recipe
    from resnoise.grid import DataOptions, Grid
    from resnoise.metrics.reach import conversion_gap, timesteps_to_reach
    from resnoise.records import Record
    from resnoise.store import RecordStore
except ImportError:  # a commit from before these existed
    compare = None

TIMESTEPS = sweep([1, 2, 4, 8])
SEEDS = (0,) if SMOKE else (0, 1)
EPOCHS = 1 if SMOKE else 5
POINT = 0.01
# What a method scores that never gets within a point of its source network.
NEVER = 2 * max(TIMESTEPS)


def setup_cache() -> list[Record]:
    """The whole way from training to tables, once for all benchmarks of this file."""
    if compare is None:
        return []
    recipe = Recipe(epochs=EPOCHS, batch_size=64)
    try:
        grid = Grid(
            data=DataOptions("digits"),
            recipes={name: recipe for name in METHODS if name in methods.names()},
            backends=tuple(name for name in BACKENDS_THAT_AGREE if name in available()),
            architectures=("digits-cnn",),
            timesteps=tuple(TIMESTEPS),
            seeds=SEEDS,
        )
    except TypeError:  # a commit whose grids had one recipe for all methods
        return []
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder, "out"), Path(folder, "runs"))
        compare(grid, place)
        return RecordStore(place.out).load()


setup_cache.timeout = 900


def select(records: list[Record], **wanted: object) -> list[Record]:
    """Those of `records` whose fields are as wanted."""
    found = [r for r in records if all(getattr(r, name) == wanted[name] for name in wanted)]
    if not found:
        raise SkipNotImplemented(f"this commit or environment gives no records with {wanted}")
    return found


class _Suite:
    """A figure of one cell of the comparison."""

    version = "1"
    timeout = 60
    params = (METHODS, BACKENDS_THAT_AGREE, TIMESTEPS)
    param_names = ("method", "backend", "timesteps")
    unit = "fraction of test images"

    def setup(self, records, method, backend, timesteps) -> None:
        self.records = select(records, method=method, backend=backend, timesteps=timesteps)


class ErrorRate(_Suite):
    def track_error_rate(self, records, method, backend, timesteps) -> float:
        return fmean(1 - record.accuracy for record in self.records)


class ConversionGap(_Suite):
    """How far the source network is ahead; 0 where it is behind."""

    params = (CONVERTED, BACKENDS_THAT_AGREE, TIMESTEPS)

    def track_conversion_gap(self, records, method, backend, timesteps) -> float:
        return conversion_gap(
            fmean(record.ann_accuracy for record in self.records),
            fmean(record.accuracy for record in self.records),
        )


class TimestepsToSource:
    """Time steps until the spiking network is within a point of its source network."""

    version = "1"
    timeout = 60
    params = (CONVERTED, BACKENDS_THAT_AGREE)
    param_names = ("method", "backend")
    unit = "time steps"

    def setup(self, records, method, backend) -> None:
        self.records = select(records, method=method, backend=backend)

    def track_timesteps_to_source(self, records, method, backend) -> int:
        accuracies = {
            timesteps: fmean(r.accuracy for r in select(self.records, timesteps=timesteps))
            for timesteps in TIMESTEPS
        }
        source = fmean(record.ann_accuracy for record in self.records)
        return timesteps_to_reach(accuracies, source - POINT) or NEVER
