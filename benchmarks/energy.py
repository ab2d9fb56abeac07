"""What a simulation of fixed, committed weights costs in operations and energy, an image."""

from __future__ import annotations

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import BACKENDS_THAT_AGREE, FIXED_WEIGHTS, OLDER, sweep

TIMESTEPS = sweep([1, 2, 4, 8])


class Energy:
    """On the test images of digits, fold 0. Every backend must give the same."""

    version = "1"
    timeout = 120
    params = (BACKENDS_THAT_AGREE, TIMESTEPS)
    param_names = ("backend", "timesteps")

    def setup_cache(self) -> dict[tuple[str, int], dict[str, float]]:
        try:
            from resnoise.grid import DataOptions
            from resnoise.runs import job_of

            from resnoise.backends import available
            from resnoise.metrics import ActivityMeter
        except OLDER:
            return {}
        if not hasattr(ActivityMeter, "counting"):  # or from when it was called `batch`
            return {}
        job = job_of(FIXED_WEIGHTS, DataOptions("digits"))
        network = job.load(FIXED_WEIGHTS)
        images, _ = job.data.test.batch(range(len(job.data.test)))
        activities = {}
        for backend in available():
            simulation = job.method.simulation(network, backend)
            meter = ActivityMeter(simulation.network)
            with meter.counting():
                simulation(images, max(TIMESTEPS))
            for timesteps in TIMESTEPS:
                activities[backend, timesteps] = meter.activity(timesteps)._asdict()
        return activities

    def setup(self, activities, backend, timesteps) -> None:
        if (backend, timesteps) not in activities:
            raise SkipNotImplemented(f"this commit or environment has no simulation on {backend}")
        self.activity = activities[backend, timesteps]

    def track_synops_effective(self, activities, backend, timesteps) -> float:
        return self.activity["synops_effective"]

    def track_accumulates(self, activities, backend, timesteps) -> float:
        return self.activity["acs"]

    def track_firing_rate(self, activities, backend, timesteps) -> float:
        return self.activity["firing_rate"]

    def track_energy(self, activities, backend, timesteps) -> float:
        return self.activity["energy_nj"]


Energy.track_synops_effective.unit = "operations"
Energy.track_accumulates.unit = "operations"
Energy.track_firing_rate.unit = "spikes a neuron and step"
Energy.track_energy.unit = "nJ"
