"""Where tensors are computed, how they lie in memory there, and what bfloat16 can do there."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError
from resnoise.utils.ranks import local_rank


def resolve_device(name: str) -> torch.device:
    """The device of this name; `"auto"` is CUDA when there is one, else the CPU.

    Of the processes that `torchrun` starts, each has a GPU of its own.

    Raises:
        ConfigError: torch finds no such device, or cannot use it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and local_rank() is not None:
        name = f"cuda:{local_rank()}"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"expected a CUDA device for {name!r}, but torch finds {torch.cuda.device_count()}; "
            f"use `device` cpu{_reason()}"
        )
    return device


def _reason() -> str:
    """Why torch finds no device, where it says so, as of a driver that is older than the build."""
    if torch.version.cuda is None:
        return ", or install another build of torch: this one is for CPUs"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return f"; torch says: {str(error).strip().splitlines()[0]}"
    return ""


def training_device(execution: ExecutionConfig, levels: int | None) -> torch.device:
    """The device to train on.

    Args:
        execution: its name, and whether in bfloat16.
        levels: quantisation levels L of the network; None if it has none.

    Raises:
        ConfigError: torch cannot use it, or bfloat16 is asked for that it lacks, or that cannot
            tell so many levels apart.
    """
    device = resolve_device(execution.device)
    if execution.bf16:
        require_resolved(levels)
        require_bfloat16(device)
    return device


def is_accelerator(device: torch.device) -> bool:
    """Whether a device is given work ahead of time, and idles where that comes in small pieces."""
    return device.type != "cpu"


def has_graphs(device: torch.device) -> bool:
    """Whether work on a device can be captured as a graph."""
    return device.type == "cuda"


def free_bytes(device: torch.device) -> float:
    """Free memory of an accelerator in bytes; without end for the CPU, which can swap."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else math.inf


@contextmanager
def fastest_convolutions(device: torch.device) -> Iterator[None]:
    """Within the context, cuDNN tries which of its algorithms is fastest for each shape."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def memory_format(execution: ExecutionConfig) -> torch.memory_format:
    """The layout of images and convolution weights."""
    return torch.channels_last if execution.channels_last else torch.contiguous_format


# ⌊L z/λ + ½⌋ needs halves next to L, which the 8 bits of bfloat16 have up to here.
MOST_LEVELS = 128


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 itself.

    True where torch cannot say: of other accelerators than GPUs, and of processors whose list does
    not name it.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return True
    told = [has for name, has in torch.cpu.get_capabilities().items() if "bf16" in name]
    return any(told) or not told


def require_bfloat16(device: torch.device) -> None:
    """Raise `ConfigError` for a GPU that only emulates bfloat16, many times slower."""
    if device.type == "cuda" and not has_bfloat16(device):
        raise ConfigError(
            f"expected a GPU with bfloat16, which those from Ampere on have, but got "
            f"{device_name(device)}; leave out `bf16`"
        )


def warn_of_emulation(device: torch.device) -> None:
    """Warn if bfloat16 would be slower than float32 here."""
    if not has_bfloat16(device):
        warnings.warn(
            "this processor has no bfloat16 instructions (AMX or AVX512-BF16): training in it is "
            "about three times slower than in float32, so leave out `bf16`",
            stacklevel=3,
        )


def require_resolved(levels: int | None) -> None:
    """Raise `ConfigError` if bfloat16 cannot tell so many quantisation levels L apart."""
    if levels is not None and levels > MOST_LEVELS:
        raise ConfigError(
            f"expected at most {MOST_LEVELS} levels in bfloat16, which cannot tell more apart, but "
            f"got {levels}; leave out `bf16`"
        )


def device_name(device: torch.device) -> str:
    """`cpu`, or the name of the accelerator."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
