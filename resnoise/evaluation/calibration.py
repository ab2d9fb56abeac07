"""The simulation of a trained network, calibrated where its method asks for it."""

from __future__ import annotations

import torch
from torch import nn

from resnoise.simulation.simulator import Simulation
from resnoise.training.job import Job
from resnoise.utils.seeding import generator_for


def calibrated_simulation(
    job: Job,
    network: nn.Module,
    backend: str,
    timesteps: int,
    layout: torch.memory_format = torch.preserve_format,
) -> Simulation:
    """A simulation that is ready to predict.

    Args:
        job: what was trained; its seed decides which training images calibrate.
        network: its trained network, in evaluation mode.
        backend: whose neurons simulate it.
        timesteps: the largest T that it will be asked for.
        layout: of the images in memory.

    Raises:
        DataError: a training image is a test image.
    """
    simulation = job.method.simulation(network, backend)
    count = job.method.requirements.calibration_images
    if count:
        job.data.require_training_apart()
        images = job.data.calibration(count, generator_for(job.seed, "calibration images"))
        device = next(network.parameters()).device
        simulation.calibrate_(images.to(device, memory_format=layout), timesteps)
    return simulation
