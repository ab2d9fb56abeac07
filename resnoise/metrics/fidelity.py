"""How close a spiking network is to its source network: agreement, gap, and when the gap closes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from resnoise.errors import ConfigError


def agreement(a: Tensor, b: Tensor) -> float:
    """Share of equal predictions.

    Args:
        a: predicted classes, tensor of shape `[N]`.
        b: predicted classes of the same images, tensor of shape `[N]`.

    Raises:
        ConfigError: there are no predictions, or not as many of both.

    Examples:
        >>> from torch import tensor
        >>> agreement(tensor([0, 1, 2, 3]), tensor([0, 1, 2, 0]))
        0.75
    """
    if a.shape != b.shape or a.numel() == 0:
        raise ConfigError(
            "expected predictions of the same images, but got tensors of shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    return (a == b).double().mean().item()


def conversion_gap(source_accuracy: float, accuracy: float) -> float:
    """What conversion costs: 0 where the spiking network is the better one.

    Args:
        source_accuracy: of the network without spikes, a fraction.
        accuracy: of the spiking network, a fraction.

    Examples:
        >>> conversion_gap(0.75, 0.5)
        0.25
    """
    return max(0.0, source_accuracy - accuracy)


def timesteps_to_reach(accuracies: Mapping[int, float], target: float) -> int | None:
    """The fewest time steps from which on accuracy stays at `target` or above.

    Args:
        accuracies: from time steps T to accuracy, fractions.
        target: what is to be reached, a fraction.

    Returns:
        One of the T in `accuracies`; None if the longest simulation is still below.

    Examples:
        >>> timesteps_to_reach({1: 0.5, 2: 0.8, 4: 0.9}, target=0.75)
        2
    """
    reached = None
    for timesteps in sorted(accuracies, reverse=True):
        if accuracies[timesteps] < target:
            break
        reached = timesteps
    return reached
