"""Where tensors are computed, and how they lie in memory there."""

from __future__ import annotations

import torch

from resnoise.config import ExecutionConfig
from resnoise.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """The device of this name; `"auto"` is CUDA when there is one, else the CPU.

    Raises:
        ConfigError: torch finds no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"expected a CUDA device for {name!r}, but torch finds {torch.cuda.device_count()}; "
            "use --device cpu"
        )
    return device


def memory_format(execution: ExecutionConfig) -> torch.memory_format:
    """The layout of images and convolution weights."""
    return torch.channels_last if execution.channels_last else torch.contiguous_format
