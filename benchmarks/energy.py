"""What a simulation of fixed, committed weights costs in operations and energy, an image."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import (
    AFTER_TRAINING,
    BACKENDS_THAT_AGREE,
    FIXED_WEIGHTS,
    OLDER,
    SMOKE,
    called,
    public,
    sweep,
)

if TYPE_CHECKING:
    from torch.fx import GraphModule

    from resnoise import Job

TIMESTEPS = sweep([1, 2, 4, 8])


class Activities(NamedTuple):
    """What the benchmarks hand out: fields of `resnoise.metrics.Activity` by their parameters."""

    cells: dict[tuple[str | int, ...], dict[str, float]]
    why_none: str = ""


class _Energy:
    """On the test images of digits, fold 0. Every backend must give the same."""

    version = "1"
    timeout = 120

    def setup(self, activities, *cell) -> None:
        if cell not in activities.cells:
            raise SkipNotImplemented(activities.why_none or f"no {', '.join(map(str, cell))} here")
        self.activity = activities.cells[cell]

    @called("Effective SynOps of fixed weights")
    def track_synops_effective(self, activities, *cell) -> float:
        return self.activity["synops_effective"]

    @called("Accumulates of fixed weights")
    def track_accumulates(self, activities, *cell) -> float:
        return self.activity["acs"]

    @called("Firing rate of fixed weights")
    def track_firing_rate(self, activities, *cell) -> float:
        return self.activity["firing_rate"]

    @called("Energy of fixed weights")
    def track_energy(self, activities, *cell) -> float:
        return self.activity["energy_nj"]


_Energy.track_synops_effective.unit = "operations"
_Energy.track_accumulates.unit = "operations"
_Energy.track_firing_rate.unit = "spikes a neuron and step"
_Energy.track_energy.unit = "nJ"


class Energy(_Energy):
    """Of the method that trained the network."""

    params = (BACKENDS_THAT_AGREE, TIMESTEPS)
    param_names = ("backend", "timesteps")

    def setup_cache(self) -> Activities:
        try:
            return _simulate()
        except OLDER as error:
            return Activities({}, str(error))


class EnergyAfterTraining(_Energy):
    """Of methods that train nothing, with what their calibration on each image costs."""

    params = (AFTER_TRAINING, BACKENDS_THAT_AGREE, TIMESTEPS)
    param_names = ("method", "backend", "timesteps")

    def setup_cache(self) -> Activities:
        cells = {}
        for method in AFTER_TRAINING:
            try:
                cells |= _simulate_after_training(method)
            # An older commit may not know the method.
            except (*OLDER, public("ResnoiseError")) as error:
                if SMOKE:
                    raise
                return Activities(cells, str(error))
        return Activities(cells)


def _fixed_network() -> tuple[Job, GraphModule]:
    """The committed network, and the job that it was trained for."""
    job_of, data = public("job_of"), public("DataOptions")("digits")
    try:
        job = job_of(FIXED_WEIGHTS, data)
        return job, job.load(FIXED_WEIGHTS)
    except public("ResnoiseError"):
        if SMOKE:
            raise
        # Commits from before checkpoints were sealed refuse the seal: they get a copy without.
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(FIXED_WEIGHTS.parent, folder, dirs_exist_ok=True)
            path = Path(folder, FIXED_WEIGHTS.name)
            unsealed = json.loads(path.read_text())
            del unsealed["digest"]
            path.write_text(json.dumps(unsealed))
            job = job_of(path, data)
            return job, job.load(path)


def _simulate() -> Activities:
    job, network = _fixed_network()
    images, _ = job.data.test.batch(range(len(job.data.test)))
    cells = {}
    for backend in public("backends").available():
        simulation = job.method.simulation(network, backend)
        meter = public("metrics.ActivityMeter")(simulation.network)
        # `batch` is what older commits called it.
        with meter.counting() if hasattr(meter, "counting") else meter.batch():
            simulation(images, max(TIMESTEPS))
        for timesteps in TIMESTEPS:
            cells[backend, timesteps] = meter.activity(timesteps)._asdict()
    return Activities(cells)


def _simulate_after_training(method: str) -> dict[tuple[str | int, ...], dict[str, float]]:
    job, network = _fixed_network()
    job = dataclasses.replace(job, method=public("methods").get(method).applied_to(job.method))
    images, _ = job.data.test.batch(range(len(job.data.test)))
    calibrated = public("evaluation.calibration.calibrated_simulation")
    cells = {}
    for backend in public("backends").available():
        simulation = calibrated(job, network, backend, max(TIMESTEPS))
        meter = public("metrics.ActivityMeter")(simulation.network)
        with meter.counting():
            simulation(images, max(TIMESTEPS))
        for timesteps in TIMESTEPS:
            spent = simulation.spent(timesteps)
            cells[method, backend, timesteps] = meter.activity(*spent)._asdict()
    return cells
