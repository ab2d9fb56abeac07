"""Accuracy of a trained network on a split, with spikes and without."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import nn

from resnoise.config.checks import require_timesteps
from resnoise.datasets import Split, batches
from resnoise.evaluation.calibration import calibrated_simulation
from resnoise.simulation.simulator import predictions
from resnoise.training.job import Job

BACKEND = "reference"


@torch.inference_mode()
def simulated_accuracies(
    job: Job, network: nn.Module, split: Split, timesteps: int, backend: str = BACKEND
) -> list[float]:
    """Share of a split's images that the spiking network has right after 1..T steps.

    Args:
        job: what was trained.
        network: its trained network.
        split: the images.
        timesteps: T.
        backend: whose neurons simulate it.

    Examples:
        >>> from pathlib import Path
        >>> from resnoise import DataOptions, job_of
        >>> path = Path("results/check/digits/best.json")
        >>> job = job_of(path, DataOptions("digits"))
        >>> accuracies = simulated_accuracies(job, job.load(path), job.data.test, timesteps=4)
        >>> len(accuracies), accuracies[3] > 0.9
        (4, True)
    """
    simulation = calibrated_simulation(job, network, backend, timesteps)
    right = torch.zeros(timesteps, dtype=torch.int64)
    for images, labels in batches(split, job.recipe.batch_size):
        right += (predictions(simulation(images, timesteps)) == labels).sum(1)
    return (right.double() / len(split)).tolist()


@torch.inference_mode()
def source_accuracy(network: nn.Module, split: Split, batch_size: int) -> float:
    """Share of a split's images that a network without spikes has right."""
    right = sum(
        (network(images).argmax(-1) == labels).sum().item()
        for images, labels in batches(split, batch_size)
    )
    return right / len(split)


def accuracy_table(
    job: Job, network: nn.Module, backend: str, timesteps: Sequence[int]
) -> pd.DataFrame:
    """Accuracy on test images of a network that was not trained for conversion, in per cent.

    Args:
        job: of a model of one's own, which is the plain network.
        network: its source network, in evaluation mode.
        backend: whose neurons simulate it.
        timesteps: every T to show.

    Returns:
        One row of text: method, backend, the plain network, the quantised one, and each T.

    Raises:
        ConfigError: `timesteps` are no numbers of time steps.
    """
    require_timesteps("timesteps", timesteps)
    test, batch = job.data.test, job.recipe.batch_size
    found = {
        "plain": source_accuracy(job.model(), test, batch),
        f"L={job.recipe.activation.levels}": source_accuracy(network, test, batch),
    }
    spiking = simulated_accuracies(job, network, test, max(timesteps), backend)
    found |= {f"T={t}": spiking[t - 1] for t in timesteps}
    cells = {name: f"{100 * share:.1f}" for name, share in found.items()}
    return pd.DataFrame([{"method": job.method.name, "backend": backend, **cells}])
