"""What conversion costs in accuracy, on digits, of networks that the measured commit trains."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import BACKENDS_THAT_AGREE, CONVERTED, METHODS, OLDER, SMOKE, called, public, sweep

TIMESTEPS = sweep([1, 2, 4, 8])
SEEDS = (0,) if SMOKE else (0, 1)
EPOCHS = 1 if SMOKE else 5
# Sums that more threads, or fewer, add up in another order train other networks.
THREADS = 2
POINT = 0.01
# What a method scores that never gets within a point of its source network.
NEVER = 2 * max(TIMESTEPS)


class Cell(NamedTuple):
    """Means over seeds of a method, backend and T; what has no source network has no gap."""

    error_rate: float
    conversion_gap: float | None


class Figures(NamedTuple):
    """What the benchmarks of this file hand out."""

    cells: dict[tuple[str, str, int], Cell]
    timesteps_to_source: dict[tuple[str, str], int]
    why_none: str = ""


def setup_cache() -> Figures:
    """The whole way from training to tables, once for all benchmarks of this file."""
    try:
        return figures_of(_compare())
    except OLDER as error:
        return Figures({}, {}, str(error))


setup_cache.timeout = 3600


def figures_of(records: list) -> Figures:
    """Means over seeds."""
    conversion_gap = public("metrics.conversion_gap")
    timesteps_to_reach = public("metrics.timesteps_to_reach")
    cells, reached = {}, {}
    for method, backend in {(record.method, record.backend) for record in records}:
        of_both = [r for r in records if (r.method, r.backend) == (method, backend)]
        accuracies = {
            steps: fmean(r.accuracy for r in of_both if r.timesteps == steps)
            for steps in sorted({record.timesteps for record in of_both})
        }
        source = None
        if method in CONVERTED:
            source = fmean(record.ann_accuracy for record in of_both)
            reached[method, backend] = timesteps_to_reach(accuracies, source - POINT) or NEVER
        for steps, accuracy in accuracies.items():
            gap = None if source is None else conversion_gap(source, accuracy)
            cells[method, backend, steps] = Cell(1 - accuracy, gap)
    return Figures(cells, reached)


def _compare() -> list:
    """Records of all methods, backends, T and seeds."""
    import torch

    torch.set_num_threads(THREADS)
    methods, available = public("methods"), public("backends").available()
    recipe = public("Recipe")(epochs=EPOCHS, batch_size=64)
    plan = public("Plan")(
        data=public("DataOptions")("digits"),
        recipes={name: recipe for name in METHODS if name in methods.names()},
        backends=tuple(name for name in BACKENDS_THAT_AGREE if name in available),
        architectures=("digits-cnn",),
        timesteps=tuple(TIMESTEPS),
        seeds=SEEDS,
    )
    with tempfile.TemporaryDirectory() as folder:
        options = public("RunOptions")(Path(folder, "out"), Path(folder, "runs"))
        public("compare.compare")(plan, options)
        return public("RecordStore")(options.out).load()


def look_up(figures: dict, why_none: str, *cell: object) -> object:
    """The figure of a cell; skips where this commit or environment has none."""
    if cell not in figures:
        raise SkipNotImplemented(why_none or f"this commit or environment has no records of {cell}")
    return figures[cell]


class _Suite:
    """A figure of one cell of the comparison."""

    version = "1"
    timeout = 60
    params = (METHODS, BACKENDS_THAT_AGREE, TIMESTEPS)
    param_names = ("method", "backend", "timesteps")
    unit = "fraction of test images"

    def setup(self, figures, method, backend, timesteps) -> None:
        self.cell = look_up(figures.cells, figures.why_none, method, backend, timesteps)


class ErrorRate(_Suite):
    @called("Error rate on digits, trained by each commit")
    def track_error_rate(self, figures, method, backend, timesteps) -> float:
        return self.cell.error_rate


class ConversionGap(_Suite):
    """How far the source network is ahead; 0 where it is behind."""

    params = (CONVERTED, BACKENDS_THAT_AGREE, TIMESTEPS)

    @called("Conversion gap on digits")
    def track_conversion_gap(self, figures, method, backend, timesteps) -> float:
        return self.cell.conversion_gap


class TimestepsToSource:
    """T from which the spiking network is within a point of its source network.

    As in all suites T does not count the steps of a calibration, 4 of SRP.
    """

    version = "1"
    timeout = 60
    params = (CONVERTED, BACKENDS_THAT_AGREE)
    param_names = ("method", "backend")
    unit = "time steps"

    def setup(self, figures, method, backend) -> None:
        self.timesteps = look_up(figures.timesteps_to_source, figures.why_none, method, backend)

    @called("T to the source network's accuracy")
    def track_timesteps_to_source(self, figures, method, backend) -> int:
        return self.timesteps
