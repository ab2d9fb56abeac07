"""Accuracies of networks that the tree under test trains, over several seeds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from resnoise.check.measurement import Figure, Kind
from resnoise.check.public import public

EPOCHS = 12  # of which the plus methods fine-tune for a sixth
# Two five-fold cross-validations of digits.
SEEDS = range(10)
TIMESTEPS = (1, 2, 4, 8)
BACKEND = "reference"


def groups() -> dict[str, Callable[[], Iterator[Figure]]]:
    """A group for each installed method that converts what it trains.

    Of the others some convert the network of such a one, and some train a network for every backend
    and T, which takes too long for a gate.
    """
    from resnoise import methods

    found = {}
    for name in methods.names():
        try:
            training = converted_training(name)
        except (ImportError, AttributeError) as error:  # an older tree may lack the file or class
            found[f"trained, {name}"] = lambda error=error: _cannot(error)
            continue
        if training == name:
            found[f"trained, {name}"] = lambda name=name: trained_figures(name)
    return found


def trained_figures(method: str) -> Iterator[Figure]:
    """Accuracy on the test fold at every T, one value a seed."""
    accuracies = [_train_and_test(method, seed) for seed in SEEDS]
    for timesteps, values in zip(TIMESTEPS, zip(*accuracies, strict=True), strict=True):
        yield Figure(f"trained, {method}: accuracy at T={timesteps}", Kind.SEEDS, list(values))


def _cannot(error: Exception) -> Iterator[Figure]:
    raise error


def _train_and_test(name: str, seed: int) -> list[float]:
    from resnoise import ExecutionConfig, Job, Recipe, methods, predictions
    from resnoise.datasets import load

    data = load("digits", seed=seed)
    method = methods.get(name)
    recipe = method.recipe(Recipe(epochs=EPOCHS, batch_size=64))
    job = Job(method, name, "digits-cnn", data, recipe, seed)
    with tempfile.TemporaryDirectory() as folder:
        best = public("train_in")(Path(folder), job, ExecutionConfig(device="cpu"))
        simulation = job.method.simulation(job.load(best), BACKEND)
    images, labels = data.test.batch(range(len(data.test)))
    right = (predictions(simulation(images, max(TIMESTEPS))) == labels).double().mean(1)
    return [right[torch.tensor(t) - 1].item() for t in TIMESTEPS]


def converted_training(method: str) -> str | None:
    """The training whose network a method converts; None if it has none, or several.

    Args:
        method: name from `resnoise.methods.names()`.

    Raises:
        ImportError: an older tree cannot import a method that the working tree registers.
    """
    from resnoise import methods

    chosen = methods.get(method)
    if not isinstance(chosen, public("ConversionMethod")):
        return None
    # Older trees have methods of every T alone.
    timesteps = getattr(chosen, "trained_timesteps", None) or (1,)
    trainings = chosen.trainings("reference", timesteps)
    return trainings[0].name if len(trainings) == 1 else None
