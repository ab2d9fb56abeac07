"""Firing rates, synaptic operations and energy of simulations, for every number of steps."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resnoise.errors import ConfigError
from resnoise.metrics.energy import energy_nj
from resnoise.metrics.synapses import SYNAPTIC, Drive, Site, Synapses, synapses
from resnoise.simulation.network import SpikingLayer, SpikingNetwork
from resnoise.simulation.neuron import IFState
from resnoise.simulation.threads import any_thread


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
        macs: multiply-accumulates, dense: the layers before the first spike, and those that read
            another layer of weights with no neurons between, at every step.
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


class _Counts(NamedTuple):
    """Sums over images: spikes `[layers, T]`, ACs `[T]`, effective operations `[T]` and once `[]`.

    Of ACs and effective operations those are given apart after which no neurons come. All are
    float64, which counts exactly up to 2⁵³.
    """

    spikes: Tensor
    acs: Tensor
    acs_to_logits: Tensor
    effective: Tensor
    effective_to_logits: Tensor
    effective_once: Tensor

    @classmethod
    def zeros(cls, layers: int, timesteps: int, device: torch.device) -> _Counts:
        shapes = ((layers, timesteps), *[(timesteps,)] * 4, ())
        return cls(*(torch.zeros(s, dtype=torch.float64, device=device) for s in shapes))


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
        self._synapses = Synapses({}, {}, {})
        self._totals: _Counts | None = None
        self._images = 0
        self._lock = threading.Lock()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Within the context, count what is simulated, by whatever thread.

        Raises:
            ConfigError: images of another shape than before, or another number of steps.
        """
        recordings = _Recordings(self)
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
        return sum(a.numel() for a in self._synapses.accumulates.values())

    @property
    def ann_macs(self) -> float:
        """Multiply-accumulates of one pass of the network without spikes, dense."""
        return sum(self._synapses.dense(drive) for drive in Drive)

    def activity(self, steps: int, calibration: int = 0) -> Activity:
        """The activity of the first `steps` steps, averaged over all images so far.

        Args:
            steps: of the whole network.
            calibration: so many of the first steps were also sent beforehand, to every layer of
                neurons but not to the logits, see `resnoise.simulation.simulator.Spent`. Their
                operations count; firing rates are those of `steps` alone.

        Raises:
            ConfigError: nothing was simulated yet, or fewer steps.
        """
        if self._totals is None:
            raise ConfigError(
                "expected simulations within `meter.counting()` before `activity`, but got none"
            )
        simulated = self._totals.acs.numel()
        for name, value, least in (("steps", steps, 1), ("calibration", calibration, 0)):
            if not least <= value <= simulated:
                raise ConfigError(
                    f"expected argument `{name}` to be in {least}..{simulated}, the steps that "
                    f"were simulated, but got {value}"
                )
        # Division by the number of images comes last, so that whole numbers stay whole.
        neurons = {name: a.numel() for name, a in self._synapses.accumulates.items()}
        spikes = self._totals.spikes[:, :steps].sum(1).tolist()
        chances = self._images * steps
        rates = {n: s / (chances * neurons[n]) for n, s in zip(neurons, spikes, strict=True)}
        total = self._totals
        effective = total.effective[:steps].sum() + total.effective_once
        effective += (total.effective - total.effective_to_logits)[:calibration].sum()
        acs = total.acs[:steps].sum() + (total.acs - total.acs_to_logits)[:calibration].sum()
        acs = acs.item() / self._images
        once, spiking, graded = (self._synapses.dense(drive) for drive in Drive)
        _, calibrating, calibrating_graded = (
            self._synapses.dense(drive, to_neurons=True) for drive in Drive
        )
        macs = once + steps * graded + calibration * calibrating_graded
        return Activity(
            firing_rate=sum(spikes) / (chances * sum(neurons.values())),
            firing_rates=rates,
            synops_dense=macs + steps * spiking + calibration * calibrating,
            synops_effective=effective.item() / self._images,
            acs=acs,
            macs=macs,
            energy_nj=energy_nj(macs, acs),
        )

    def add(self, counts: _Counts, images: int) -> None:
        """Add the counts of all steps of some images.

        Raises:
            ConfigError: another number of steps than before.
        """
        with self._lock:
            if self._totals is not None:
                before, now = self._totals.acs.numel(), counts.acs.numel()
                if before != now:
                    raise ConfigError(
                        f"expected a simulation of {before} time steps as before, but got {now}"
                    )
                counts = _Counts(*(a + b for a, b in zip(self._totals, counts, strict=True)))
            self._totals = counts
            self._images += images


class _Recordings:
    """A `_Recording` for each thread: parts of the images may be simulated side by side."""

    def __init__(self, meter: ActivityMeter) -> None:
        self.meter = meter
        self.started: list[_Recording] = []
        self.of_thread = threading.local()

    def mine(self) -> _Recording:
        """That of the current thread."""
        if not hasattr(self.of_thread, "recording"):
            self.of_thread.recording = _Recording(self.meter)
            self.started.append(self.of_thread.recording)
        return self.of_thread.recording

    def finish(self) -> None:
        for recording in self.started:
            recording.finish()

    def hook(self, network: SpikingNetwork) -> list[RemovableHandle]:
        """Hook up everything that counts; the hooks are functions, so copies share them."""

        @any_thread
        def begin(network: SpikingNetwork, args: tuple, kwargs: dict[str, Any]) -> None:
            self.mine().begin(network, args, kwargs)

        handles = [network.register_forward_pre_hook(begin, with_kwargs=True)]
        for index, (name, layer) in enumerate(network.spiking_layers.items()):
            handles.append(layer.register_forward_hook(self._spiking_hook(index, name)))
        for name, module in network.body.named_modules():
            if isinstance(module, SYNAPTIC):
                hook = self._synaptic_hook(name)
                handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
        return handles

    def _spiking_hook(self, index: int, name: str):
        @any_thread
        def count(layer: SpikingLayer, args: tuple, output: tuple) -> None:
            self.mine().count_spikes(index, name, output[0])

        return count

    def _synaptic_hook(self, name: str):
        @any_thread
        def count(layer: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
            (given,) = (*args, *kwargs.values())
            self.mine().count_operations(name, given)

        return count


class _Recording:
    """The counts of the images at hand, a `_Counts` for every call of the network."""

    def __init__(self, meter: ActivityMeter) -> None:
        self.meter = meter
        self.calls: list[_Counts] = []
        self.images = 0
        self.last: tuple[Tensor, Tensor] | None = None

    def begin(self, network: SpikingNetwork, args: tuple, kwargs: dict[str, Any]) -> None:
        """Before a call of the network."""
        arguments = inspect.signature(network.forward).bind(*args, **kwargs).arguments
        images, self.timesteps = arguments["images"], arguments["timesteps"]
        if not any(isinstance(state, IFState) for state in arguments.get("state") or ()):
            self.finish()
        self.connections = self.meter.synapses(images)
        if not self.calls:
            self.images = len(images)
        if len(images) != self.images:
            raise ConfigError(
                f"expected a call from a state to continue with the same {self.images} images, but "
                f"got {len(images)}; call from rest for other images"
            )
        self.sites = {name: iter(sites) for name, sites in self.connections.sites.items()}
        layers = len(self.connections.accumulates)
        self.calls.append(_Counts.zeros(layers, self.timesteps, images.device))

    def finish(self) -> None:
        """After the last call with the images at hand: one call's steps follow another's.

        What is constant in time counts only in the first.
        """
        if self.calls:
            *over_time, once = zip(*self.calls, strict=True)
            counts = _Counts(*(torch.cat(parts, -1).cpu() for parts in over_time), once[0].cpu())
            self.meter.add(counts, self.images)
            self.calls = []
            self.last = None

    def count_spikes(self, index: int, name: str, output: Tensor) -> None:
        """After a layer of neurons, whose output is `[T·N, ...]`."""
        if self.calls:  # counting the connections runs layers, too
            spikes = self._active_images(output, self.timesteps)
            self.calls[-1].spikes[index] += spikes.sum(1)
            accumulates = self.connections.accumulates[name]
            self.calls[-1].acs.add_(spikes @ _flat_as(output, accumulates))
            to_logits = self.connections.accumulates_to_logits[name]
            if to_logits.any():
                self.calls[-1].acs_to_logits.add_(spikes @ _flat_as(output, to_logits))

    def count_operations(self, name: str, given: Tensor) -> None:
        """Before a layer of weights, which is given `[T·N, ...]`, or `[N, ...]` if constant."""
        if not self.calls:
            return
        site: Site = next(self.sites[name])
        constant = site.drive is Drive.CONSTANT
        active = self._active_images(given, 1 if constant else self.timesteps)
        effective = active @ _flat_as(given, site.fan_out)
        if constant:
            self.calls[-1].effective_once.add_(effective[0])
        else:
            self.calls[-1].effective.add_(effective)
            if not site.to_neurons:
                self.calls[-1].effective_to_logits.add_(effective)

    def _active_images(self, x: Tensor, timesteps: int) -> Tensor:
        """In how many images each element is not zero, from `[T·N, ...]` to float64 `[T, ...]`.

        Elements are flat and in the order of memory. Most layers of weights are given just what a
        layer of neurons put out, so the last answer is kept.
        """
        if self.last is None or self.last[0] is not x:
            # Comparing into floats and adding those is several times faster than adding booleans.
            active = torch.empty_like(x, dtype=torch.float32)
            torch.ne(x, 0, out=active)
            if _is_channels_last(active):
                active = active.permute(0, 2, 3, 1)
            images = len(x) // timesteps
            self.last = x, active.reshape(timesteps, images, -1).sum(1).double()
        return self.last[1]


def _flat_as(x: Tensor, weights: Tensor) -> Tensor:
    """`weights`, of the shape of one image of `x`, flat and in the order of memory of `x`."""
    if _is_channels_last(x):
        weights = weights.permute(1, 2, 0)
    return weights.flatten()


def _is_channels_last(x: Tensor) -> bool:
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
