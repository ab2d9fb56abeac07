"""Accuracy of a trained network on a split, with spikes and without."""

from __future__ import annotations

import torch
from torch import nn

from resnoise.datasets import Split, batches
from resnoise.evaluation.calibration import calibrated_simulation
from resnoise.simulation.simulator import predictions
from resnoise.training.job import Job

BACKEND = "reference"


@torch.inference_mode()
def simulated_accuracies(job: Job, network: nn.Module, split: Split, timesteps: int) -> list[float]:
    """Share of a split's images that the spiking network has right after 1..T steps.

    Args:
        job: what was trained.
        network: its trained network.
        split: the images.
        timesteps: T.
    """
    simulation = calibrated_simulation(job, network, BACKEND, timesteps)
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
