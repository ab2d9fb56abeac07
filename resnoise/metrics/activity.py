"""Firing rates, synaptic operations and energy of simulations, for every number of steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from resnoise.errors import ConfigError
from resnoise.metrics.energy import energy_nj
from resnoise.metrics.recording import Counts, Recordings
from resnoise.metrics.synapses import Reach, Synapses, synapses
from resnoise.simulation.network import SpikingNetwork


class Activity(NamedTuple):
    """What the first `T` steps of a simulation cost; operations are for one image.

    What precedes the first spiking layer is constant in time: it counts once an image, in every
    figure, however many calls of the network compute it again.

    Attributes:
        firing_rate: spikes per neuron and time step, over all neurons.
        firing_rates: the same, layer by layer.
        synops_dense: NeuroBench's dense synaptic operations: applications of a weight, those to
            zeros included, those to padding and those of biases left out.
        synops_effective: NeuroBench's effective synaptic operations: those of the former with an
            input and a weight that are not zero. A pooled value is one input.
        acs: accumulates, one for every spike and every weight that reads it. Pools are folded
            into the layer after them, see `resnoise.metrics.synapses.synapses`; so several spikes
            in one window of a pool count here, but only once in `synops_effective`.
        macs: multiply-accumulates, dense: of what layers read before the first spike, which is the
            same at every step, once; of what they read of another layer of weights with no neurons
            between, at every step. A layer may read some of that beside spikes.
        energy_nj: `4.6 pJ · macs + 0.9 pJ · acs`, in nanojoules.

    Sources: Yik et al., Nature Communications 16, 1545 (2025) for NeuroBench; Horowitz, ISSCC 2014
    for the energies.
    """

    firing_rate: float
    firing_rates: dict[str, float]
    synops_dense: float
    synops_effective: float
    acs: float
    macs: float
    energy_nj: float


class ActivityMeter:
    """Counts the spikes and synaptic operations of a spiking network while it is simulated.

    A call of the network from rest begins with other images; a call from a state continues with the
    same ones, and its steps follow (SRP makes two calls, a long simulation one for each stretch of
    time). What runs outside of `counting` is not counted.

        meter = ActivityMeter(network)
        with meter.counting():
            for images, _ in batches:
                simulation(images, timesteps)
        for steps in range(1, timesteps + 1):
            print(meter.activity(steps))

    Args:
        network: from `resnoise.convert`.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        self.network = network
        self._shape: torch.Size | None = None
        self._synapses = Synapses({}, {})
        self._totals: Counts | None = None
        self._images = 0
        self._lock = threading.Lock()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Within the context, count what is simulated, by whatever thread.

        Raises:
            ConfigError: images of another shape than before, or another number of steps.
        """
        recordings = Recordings(self)
        handles = recordings.hook(self.network)
        try:
            yield
            recordings.finish()
        finally:
            for handle in handles:
                handle.remove()

    def synapses(self, images: Tensor) -> Synapses:
        """The connections of the network for images `[N, C, H, W]`, counted once."""
        with self._lock:
            if self._shape is None:
                self._synapses = synapses(self.network, images)
                self._shape = images.shape[1:]
        if images.shape[1:] != self._shape:
            raise ConfigError(
                f"expected images of shape {tuple(self._shape)} as before, but got "
                f"{tuple(images.shape[1:])}; measure each shape with a meter of its own"
            )
        return self._synapses

    @property
    def neurons(self) -> int:
        """Number of neurons, known once something was simulated."""
        return sum(self._neurons_by_layer().values())

    def _neurons_by_layer(self) -> dict[str, int]:
        return {name: a[0].numel() for name, a in self._synapses.accumulates.items()}

    @property
    def ann_macs(self) -> float:
        """Multiply-accumulates of one pass of the network without spikes, dense."""
        return self._synapses.dense(1)

    def activity(self, steps: int, calibration: int = 0) -> Activity:
        """The activity of the first `steps` steps, averaged over all images so far.

        Args:
            steps: of the whole network.
            calibration: of the first steps, that every layer of neurons calibrates itself on
                beforehand, see `resnoise.simulation.simulator.Spent`. Their operations count;
                firing rates are those of `steps` alone.

        Raises:
            ConfigError: nothing was simulated yet, or fewer steps.
        """
        if self._totals is None:
            raise ConfigError(
                "expected simulations within `meter.counting()` before `activity`, but got none"
            )
        simulated = self._totals.acs.shape[1]
        for name, value, least in (("steps", steps, 1), ("calibration", calibration, 0)):
            if not least <= value <= simulated:
                raise ConfigError(
                    f"expected argument `{name}` to be in {least}..{simulated}, the steps that "
                    f"were simulated, but got {value}"
                )
        # Division by the number of images comes last, so that whole numbers stay whole.
        neurons = self._neurons_by_layer()
        spikes = self._totals.spikes[:, :steps].sum(1).tolist()
        chances = self._images * steps
        rates = {n: s / (chances * neurons[n]) for n, s in zip(neurons, spikes, strict=True)}
        acs, effective = (
            sum(
                each_step[reach, :received].sum().item()
                for reach in Reach
                for received in reach.received(steps, calibration)
            )
            for each_step in (self._totals.acs, self._totals.effective)
        )
        acs /= self._images
        effective += self._totals.effective_once.item()
        macs = self._synapses.macs(steps, calibration)
        return Activity(
            firing_rate=sum(spikes) / (chances * sum(neurons.values())),
            firing_rates=rates,
            synops_dense=self._synapses.dense(steps, calibration),
            synops_effective=effective / self._images,
            acs=acs,
            macs=macs,
            energy_nj=energy_nj(macs, acs),
        )

    def add(self, counts: Counts, images: int) -> None:
        """Add the counts of all steps of some images.

        Raises:
            ConfigError: another number of steps than before.
        """
        with self._lock:
            if self._totals is not None:
                before, now = self._totals.acs.shape[1], counts.acs.shape[1]
                if before != now:
                    raise ConfigError(
                        f"expected a simulation of {before} time steps as before, but got {now}"
                    )
                counts = Counts(*(a + b for a, b in zip(self._totals, counts, strict=True)))
            self._totals = counts
            self._images += images
