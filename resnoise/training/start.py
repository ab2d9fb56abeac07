"""What a training starts from: calibrated thresholds, or the network of another training."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from resnoise.conversion.activation import activations
from resnoise.errors import ConfigError
from resnoise.training.job import Job
from resnoise.training.weights import load_state_
from resnoise.utils.seeding import generator_for

CALIBRATION_IMAGES = 512


def start_(network: nn.Module, job: Job, start: Path | None) -> str:
    """Set what the first epoch of a training starts from.

    Args:
        network: of the job, as its method makes it.
        job: what is to be trained.
        start: checkpoint of `job.predecessor()`, if it has one.

    Returns:
        The SHA-256 of the weights of another training that it starts from; empty if of none.

    Raises:
        ConfigError: the recipe starts from another training, and its checkpoint is not given.
        ConversionError: the network cannot be converted.
        CheckpointError: `start` is of another training, or damaged.
    """
    predecessor = job.predecessor()
    if predecessor is None:
        generator = generator_for(job.seed, "calibration")
        calibration = job.data.calibration(CALIBRATION_IMAGES, generator)
        job.method.start_(network, job.recipe, calibration)
        return ""
    if start is None:
        raise ConfigError(
            "expected argument `start` to be the checkpoint of `job.predecessor()`, a training "
            f"of {predecessor.training}, but got none; resnoise.train_in trains both"
        )
    info, trained = predecessor.restore(start)
    load_state_(network, network.state_dict() | trained.state_dict(), start)
    for layer in activations(network).values():
        layer.set_sigma_(0.0)  # the noise of that training, not of this one
    return info.sha256
