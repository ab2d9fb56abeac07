"""How much memory a simulation needs at its peak."""

from __future__ import annotations

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import ARCHITECTURES, BACKENDS, random_images, require, source_network, sweep

try:
    from resnoise import convert, simulate
    from resnoise.metrics import peak_memory_mib
except ImportError:  # a commit from before these existed
    pass

TIMESTEPS = sweep([1, 4, 16])
BATCH = 64


class PeakMemory:
    version = "1"
    timeout = 120
    params = (BACKENDS, ARCHITECTURES, TIMESTEPS)
    param_names = ("backend", "architecture", "timesteps")
    unit = "MiB"

    def setup(self, backend, architecture, timesteps) -> None:
        require("resnoise.convert", "resnoise.metrics", backend=backend)
        network = convert(source_network(architecture), backend)
        images = random_images(architecture, BATCH)
        self.simulate = lambda: simulate(network, images, timesteps)
        self.simulate()  # what the libraries allocate once is not the simulation's

    def track_peak(self, backend, architecture, timesteps) -> float:
        peak = peak_memory_mib(self.simulate, "cpu")
        if peak is None:
            raise SkipNotImplemented("this system does not tell the peak of a process's memory")
        return peak
