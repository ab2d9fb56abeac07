"""Memory: what a call needs at its peak, and how large a converted network is."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from resnoise.simulation.network import SpikingNetwork

MIB = 2**20
_RESET_PEAK = "5"  # written to clear_refs, see proc_pid_clear_refs(5)


def peak_memory_mib(function: Callable[[], object], device: torch.device | str) -> float | None:
    """Call `function` once and measure how far memory rises above the level before.

    On CUDA that is what PyTorch's allocator hands out, on a CPU the resident memory of the whole
    process. Weights are there before and are left out (`resnoise.metrics.footprint` has them).

    Args:
        function: what is measured.
        device: on which it runs.

    Returns:
        Mebibytes; or None, without a call, where the system does not tell: on a CPU this needs
        Linux with a writable `/proc/self/clear_refs`.
    """
    gc.collect()
    device = torch.device(device)
    return _cuda_peak(function, device) if device.type == "cuda" else _resident_peak(function)


def _cuda_peak(function: Callable[[], object], device: torch.device) -> float:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    function()
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / MIB


def _resident_peak(function: Callable[[], object]) -> float | None:
    if sys.platform != "linux":
        return None
    _return_free_memory()
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return None
    before = _peak_resident_bytes()
    function()
    return (_peak_resident_bytes() - before) / MIB


def _return_free_memory() -> None:
    """Have glibc return what earlier calls freed, or a call that uses it again seems free."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _peak_resident_bytes() -> int:
    """The most that was resident since the last reset; right after one, what is resident now."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


@contextmanager
def without_old_garbage() -> Iterator[None]:
    """Within the context, what is there now is never searched for garbage again.

    Going through all objects of an imported PyTorch takes a tenth of a second, which every
    `peak_memory_mib` would spend, and now and then a call whose latency is taken.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Footprint(NamedTuple):
    """Size of a converted network.

    Attributes:
        parameters: number of weights, biases and thresholds.
        bytes: that they take in memory.
    """

    parameters: int
    bytes: int


def footprint(network: SpikingNetwork, timesteps: int | None = None) -> Footprint:
    """Count the parameters of a converted network, the same whatever its backend.

    Weights, biases (of every time step, if they change), one threshold a spiking layer, and the
    statistics of a BatchNorm that was not folded. The state of the neurons, which depends on the
    batch, is left out.

    Args:
        network: from `resnoise.convert`.
        timesteps: T, where biases of later time steps are not to count.
    """
    state = network.model_state
    for name in network.layers:
        if (bias := f"{name}.bias") in state:
            state[bias] = state[bias][:timesteps]
    kept = [t for t in state.values() if t.is_floating_point()]
    return Footprint(sum(t.numel() for t in kept), sum(t.numel() * t.element_size() for t in kept))
