"""How much memory a simulation needs at its peak."""

from __future__ import annotations

from collections.abc import Callable

from .common import ARCHITECTURES, BACKENDS, require, sweep
from .inputs import peak_memory, random_images, source_network

try:
    from resnoise import convert, simulate
except ImportError:  # a commit from before these existed; `require` skips
    convert = simulate = None

TIMESTEPS = sweep([1, 4, 16])
BATCH = 64
SHORT, LONG = 8, 32


def simulation(backend: str, architecture: str, batch: int, timesteps: int) -> Callable:
    """A simulation that has run once: what the libraries allocate once is not the simulation's."""
    require("resnoise.convert", "resnoise.metrics", backend=backend)
    network = convert(source_network(architecture), backend)
    images = random_images(architecture, batch)
    simulate(network, images, timesteps)
    return lambda: simulate(network, images, timesteps)


class PeakMemory:
    version = "1"
    timeout = 120
    params = (BACKENDS, ARCHITECTURES, TIMESTEPS)
    param_names = ("backend", "architecture", "timesteps")
    unit = "MiB"

    def setup(self, backend, architecture, timesteps) -> None:
        self.simulate = simulation(backend, architecture, BATCH, timesteps)

    def track_peak(self, backend, architecture, timesteps) -> float:
        return peak_memory(self.simulate)


class Growth:
    """Peak memory of T = 32 over that of T = 8: 1 where steps are not kept, 4 where all are."""

    version = "1"
    timeout = 120
    params = (BACKENDS, ["resnet20"])
    param_names = ("backend", "architecture")
    unit = f"times the peak at T={SHORT}"

    def setup(self, backend, architecture) -> None:
        self.short, self.long = (
            simulation(backend, architecture, BATCH, timesteps) for timesteps in (SHORT, LONG)
        )

    def track_growth(self, backend, architecture) -> float:
        return peak_memory(self.long) / peak_memory(self.short)
