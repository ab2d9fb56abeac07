"""Whether bfloat16 is worth training in on a device."""

from __future__ import annotations

import warnings

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 itself.

    True where torch cannot say: of accelerators, and of processors whose list does not name it.
    """
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return True
    told = [has for name, has in torch.cpu.get_capabilities().items() if "bf16" in name]
    return any(told) or not told


def warn_of_emulation(device: torch.device) -> None:
    """Warn if bfloat16 would be slower than float32 here."""
    if not has_bfloat16(device):
        warnings.warn(
            "this processor has no bfloat16 instructions (AMX or AVX512-BF16): training in it is "
            "about three times slower than in float32, so leave out --bf16",
            stacklevel=3,
        )
