"""Counts of one simulation while it runs, by hooks on the layers of a spiking network."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resnoise.errors import ConfigError
from resnoise.metrics.synapses import SYNAPTIC, Drive, Reach, Site
from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.neuron import IFState
from resnoise.simulation.threads import any_thread

if TYPE_CHECKING:
    from resnoise.metrics.activity import ActivityMeter


class Counts(NamedTuple):
    """Sums over images: spikes `[layers, T]`; ACs and effective operations, those of each `Reach`
    apart, `[3, T]`; effective operations once an image, `[]`.

    All are float64, which counts exactly up to 2⁵³.
    """

    spikes: Tensor
    acs: Tensor
    effective: Tensor
    effective_once: Tensor

    @classmethod
    def zeros(cls, layers: int, timesteps: int, device: torch.device) -> Counts:
        shapes = ((layers, timesteps), *[(len(Reach), timesteps)] * 2, ())
        return cls(*(torch.zeros(s, dtype=torch.float64, device=device) for s in shapes))


class Recordings:
    """A `Recording` for each thread: parts of the images may be simulated side by side."""

    def __init__(self, meter: ActivityMeter) -> None:
        self.meter = meter
        self.started: list[Recording] = []
        self.of_thread = threading.local()

    def mine(self) -> Recording:
        """That of the current thread."""
        if not hasattr(self.of_thread, "recording"):
            self.of_thread.recording = Recording(self.meter)
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


class Recording:
    """The counts of the images at hand, a `Counts` for every call of the network."""

    def __init__(self, meter: ActivityMeter) -> None:
        self.meter = meter
        self.calls: list[Counts] = []
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
        self.calls.append(Counts.zeros(layers, self.timesteps, images.device))

    def finish(self) -> None:
        """After the last call with the images at hand: one call's steps follow another's.

        What is constant in time counts only in the first.
        """
        if self.calls:
            *over_time, once = zip(*self.calls, strict=True)
            counts = Counts(*(torch.cat(parts, -1).cpu() for parts in over_time), once[0].cpu())
            self.meter.add(counts, self.images)
            self.calls = []
            self.last = None

    def count_spikes(self, index: int, name: str, output: Tensor) -> None:
        """After a layer of neurons, whose output is `[T·N, ...]`."""
        if self.calls:  # counting the connections runs layers, too
            spikes = self._active_images(output, self.timesteps)
            self.calls[-1].spikes[index] += spikes.sum(1)
            for reach, accumulates in enumerate(self.connections.accumulates[name]):
                if accumulates.any():
                    self.calls[-1].acs[reach] += spikes @ _flat_as(output, accumulates)

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
            self.calls[-1].effective[site.reach] += effective

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
