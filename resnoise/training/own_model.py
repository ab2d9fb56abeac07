"""A model of one's own: from the name of a function and a file of weights to a job."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import fx, nn

from resnoise.config.checks import require_positive_int
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.conversion.calibration import calibrate_thresholds_
from resnoise.conversion.preparation import prepare
from resnoise.datasets import ImageData
from resnoise.errors import CheckpointError, ConfigError
from resnoise.methods.conversion_method import ConversionMethod
from resnoise.methods.method import Method
from resnoise.training.job import Job
from resnoise.training.weights import load_state_
from resnoise.utils.seeding import generator_for


def own_model(place: str, weights: Path | None = None) -> nn.Module:
    """A model that a function of one's own makes, with weights of a file.

    Args:
        place: `module:function`; the module is found as Python finds one that is started in the
            current folder, and the function takes no argument.
        weights: its state in `safetensors`; None keeps what the function gives. Files that would
            have to be unpickled, which runs code of theirs, are refused.

    Returns:
        The model, in evaluation mode.

    Raises:
        ConfigError: there is no such function, or it gives no module.
        CheckpointError: the file cannot be read, is no `safetensors`, or is of another model.

    Examples:
        >>> own_model("torch.nn:Identity")
        Identity()
    """
    module, _, function = place.partition(":")
    if not module or not function:
        raise ConfigError(f"expected a model as `module:function`, but got {place!r}")
    sys.path.insert(0, os.getcwd())
    try:
        build = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"expected `module:function` that makes a model: {error}") from error
    finally:
        sys.path.remove(os.getcwd())
    model = build()
    if not isinstance(model, nn.Module):
        raise ConfigError(
            f"expected {place} to return a torch.nn.Module, but got {type(model).__name__}"
        )
    if weights is not None:
        try:
            tensors = load_file(weights)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"cannot read {weights} as safetensors: {error}; write one with "
                "safetensors.torch.save_file(model.state_dict(), path)"
            ) from error
        load_state_(model, tensors, weights)
    return model.eval()


@dataclass(frozen=True)
class Calibration:
    """How a plain network gets its thresholds, see `resnoise.calibrate_thresholds_`.

    Args:
        images: training images to calibrate on, at least 1.
        levels: L of the quantised activation.
        per: a threshold for each `layer` or `channel`.
        by: `max`, `percentile` or `mse`.
        percentile: of `percentile`.
    """

    images: int = 100
    levels: int = 16
    per: Literal["layer", "channel"] = "channel"
    by: Literal["max", "percentile", "mse"] = "mse"
    percentile: float = 99.9

    def __post_init__(self) -> None:
        require_positive_int("images", self.images)


def calibrated_job(
    model: nn.Module, name: str, data: ImageData, method: Method, calibration: Calibration
) -> tuple[Job, fx.GraphModule]:
    """A plain model as a source network with thresholds from training images of a data set.

    Args:
        model: any with ReLUs that `resnoise.prepare` takes; it is copied, not changed.
        name: to name it by.
        data: its images; those of the training split calibrate.
        method: a conversion method, which simulates the network.
        calibration: how thresholds are found.

    Returns:
        A job of that model, and its source network in evaluation mode.

    Raises:
        ConfigError: the method trains spiking networks directly, or a setting is not allowed.
        PreparationError: the model cannot be prepared.
        DataError: the model does not take the images, or has other classes, or training images are
            among the test images.
    """
    if not isinstance(method, ConversionMethod):
        raise ConfigError(
            f"expected a method that converts a network, but got {method.name}, which trains a "
            "spiking one"
        )
    data.require_training_apart()
    recipe = Recipe(activation=ActivationConfig(levels=calibration.levels))
    job = Job(method, method.name, name, data, recipe, data.seed or 0, own_model=model)
    network = prepare(job.model(), recipe.activation).eval()
    generator = generator_for(job.seed, "calibration")
    with torch.no_grad():
        calibrate_thresholds_(
            network,
            data.calibration(calibration.images, generator),
            per=calibration.per,
            by=calibration.by,
            percentile=calibration.percentile,
        )
    return job, network
