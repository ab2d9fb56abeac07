"""Whose network a method of the tree under test converts."""

from __future__ import annotations


def converted_training(method: str) -> str | None:
    """The training whose network a method converts; None for one that trains with spikes.

    Args:
        method: name from `resnoise.methods.names()`.

    Raises:
        ImportError: an older tree cannot import a method that the working tree registers.
    """
    from resnoise import methods
    from resnoise.methods.conversion import ConversionMethod

    chosen = methods.get(method)
    if not isinstance(chosen, ConversionMethod):
        return None
    (training,) = chosen.trainings("reference", (1,))
    return training.name
