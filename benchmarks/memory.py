"""How much memory a simulation needs at its peak."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import torch

from .common import ARCHITECTURES, BACKENDS, SMOKE, called, public, require_backend, sweep
from .inputs import peak_memory, random_images, source_network

TIMESTEPS = sweep([1, 4, 16])
BATCH = 64
SHORT, LONG = 8, 32
TURNS = 1 if SMOKE else 5


def simulation(backend: str, architecture: str, batch: int) -> Callable[[int], object]:
    """T steps of a network, laid out as its images are.

    It has run once: what the libraries allocate once is not the simulation's.
    """
    require_backend(backend)
    simulate = public("simulate")
    source = source_network(architecture).to(memory_format=torch.channels_last)
    network = public("convert")(source, backend)
    images = random_images(architecture, batch)
    simulate(network, images, max(TIMESTEPS))
    return lambda timesteps: simulate(network, images, timesteps)


class PeakMemory:
    version = "2"
    timeout = 120
    params = (BACKENDS, ARCHITECTURES, TIMESTEPS)
    param_names = ("backend", "architecture", "timesteps")
    unit = "MiB"

    def setup(self, backend, architecture, timesteps) -> None:
        self.simulate = simulation(backend, architecture, BATCH)

    @called("Peak memory of a simulation")
    def track_peak(self, backend, architecture, timesteps) -> float:
        return peak_memory(lambda: self.simulate(timesteps))


class Growth:
    """Peak memory of T = 32 over that of T = 8: 1 where steps are not kept, 4 where all are."""

    version = "2"
    timeout = 120
    params = (BACKENDS, ["resnet20"])
    param_names = ("backend", "architecture")
    unit = f"times the peak at T={SHORT}"

    def setup(self, backend, architecture) -> None:
        self.simulate = simulation(backend, architecture, BATCH)

    @called("Memory of T = 32 over T = 8")
    def track_growth(self, backend, architecture) -> float:
        """Medians of calls that take turns, since the allocator keeps what it was given before."""
        turns = [(self._peak(SHORT), self._peak(LONG)) for _ in range(TURNS)]
        short, long = map(median, zip(*turns, strict=True))
        return long / short

    def _peak(self, timesteps: int) -> float:
        return peak_memory(lambda: self.simulate(timesteps))
