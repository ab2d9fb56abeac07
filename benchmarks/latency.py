"""How long a simulation takes: seconds a batch, and the ratio to the network without spikes."""

from __future__ import annotations

import torch

from .common import ARCHITECTURES, BACKENDS, SMOKE, called, public, require_backend, sweep
from .inputs import random_images, source_network

TIMESTEPS = sweep([1, 4])
BATCHES = sweep([1, 64])


class Simulation:
    version = "1"
    timeout = 120
    number = 1
    repeat = 1 if SMOKE else 7
    rounds = 1
    warmup_time = 0.0 if SMOKE else 0.2
    params = (BACKENDS, ARCHITECTURES, TIMESTEPS, BATCHES)
    param_names = ("backend", "architecture", "timesteps", "batch")

    def setup(self, backend, architecture, timesteps, batch) -> None:
        require_backend(backend)
        simulate = public("simulate")
        network = public("convert")(source_network(architecture), backend)
        images = random_images(architecture, batch)
        self.simulate = lambda: simulate(network, images, timesteps)

    @called("Simulation of a batch")
    def time_batch(self, backend, architecture, timesteps, batch) -> None:
        self.simulate()


class OverheadRatio:
    """`R(T)`, spiking and plain network taking turns in one process."""

    version = "1"
    timeout = 120
    params = (BACKENDS, ARCHITECTURES, TIMESTEPS, BATCHES)
    param_names = ("backend", "architecture", "timesteps", "batch")
    unit = "times a forward pass"

    def setup(self, backend, architecture, timesteps, batch) -> None:
        require_backend(backend)
        simulate = public("simulate")
        source = source_network(architecture)
        images = random_images(architecture, batch)
        plain = public("metrics.plain_network")(source)
        network = public("convert")(source, backend)
        self.functions = {
            "spiking": lambda: simulate(network, images, timesteps),
            "plain": torch.inference_mode()(lambda: plain(images)),
        }

    @called("R(T): a time step over a forward pass")
    def track_overhead_ratio(self, backend, architecture, timesteps, batch) -> float:
        repeats = 1 if SMOKE else 15
        alternate = public("metrics.alternate")
        times = alternate(self.functions, repeats=repeats, warmup=2, device="cpu")
        return public("metrics.overhead_ratio")(times["spiking"], times["plain"], timesteps)


class LongOverheadRatio(OverheadRatio):
    """`R(8)` on the architectures of CIFAR, of few images, since VGG-16 takes its time."""

    params = (BACKENDS, sweep(["vgg16", "resnet20"]), [8], [16])
