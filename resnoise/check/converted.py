"""Whose network a method of the tree under test converts."""

from __future__ import annotations


def converted_training(method: str) -> str | None:
    """The training whose network a method converts; None if it has none, or several.

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
    # Older trees have methods of every T alone.
    timesteps = getattr(chosen, "trained_timesteps", None) or (1,)
    trainings = chosen.trainings("reference", timesteps)
    return trainings[0].name if len(trainings) == 1 else None
