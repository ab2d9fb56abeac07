"""Neurons that users of Norse and snnTorch train with, forward and backward through time."""

from __future__ import annotations

import torch
from asv_runner.benchmarks.mark import SkipNotImplemented
from torch import Tensor

from .common import SMOKE, called, public, require_backend, sweep

TIMESTEPS = 8
NEURONS = (64, 256)
# As the backends name them; a commit from before they did has none.
NAMES = sweep(
    [
        "norse IAF",
        "norse LIF",
        "norse LSNN",
        "snntorch Lapicque",
        "snntorch Leaky with learnable parameters",
        "snntorch Synaptic",
    ]
)


class Neurons:
    version = "1"
    timeout = 60
    params = (NAMES,)
    param_names = ("neuron",)

    def setup(self, name) -> None:
        backend, _, neuron = name.partition(" ")
        require_backend(backend)
        trainable = getattr(public("backends").get(backend), "trainable", {})
        if neuron not in trainable:
            raise SkipNotImplemented(f"this commit does not watch {name}")
        self.neurons = trainable[neuron]()
        generator = torch.Generator().manual_seed(0)
        # Multiples of 1/8, of which these neurons round nothing: spikes are those of any machine.
        self.current = torch.randint(-8, 17, (TIMESTEPS, *NEURONS), generator=generator) / 8

    @called("Firing rate of trainable neurons")
    def track_firing_rate(self, name) -> float:
        return self.neurons(self.current).mean().item()

    @called("A step of trainable neurons over a ReLU, forward and backward")
    def track_step_ratio(self, name) -> float:
        functions = {
            "spiking": lambda: _there_and_back(self.neurons, self.current),
            "plain": lambda: _there_and_back(torch.relu, self.current[0]),
        }
        alternate = public("metrics.alternate")
        times = alternate(functions, repeats=1 if SMOKE else 30, warmup=3, device="cpu")
        return public("metrics.overhead_ratio")(times["spiking"], times["plain"], TIMESTEPS)


Neurons.track_firing_rate.unit = "spikes a neuron and step"
Neurons.track_step_ratio.unit = "times a ReLU"


def _there_and_back(function, current: Tensor) -> None:
    current = current.detach().requires_grad_()
    function(current).sum().backward()
