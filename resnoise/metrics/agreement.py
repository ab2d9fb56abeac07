"""How often two networks say the same."""

from __future__ import annotations

from torch import Tensor

from resnoise.errors import ConfigError


def agreement(a: Tensor, b: Tensor) -> float:
    """Share of equal predictions.

    Args:
        a: predicted classes, tensor of shape `[N]`.
        b: predicted classes of the same images, tensor of shape `[N]`.

    Raises:
        ConfigError: there are no predictions, or not as many of both.
    """
    if a.shape != b.shape or a.numel() == 0:
        raise ConfigError(
            "expected predictions of the same images, but got tensors of shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    return (a == b).double().mean().item()
