"""One network to train: method, architecture, data, recipe and seed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from resnoise import methods, models
from resnoise.config.nested import sha256_of
from resnoise.config.recipe import Extensions, InductionConfig, Recipe
from resnoise.conversion.activation import evaluating
from resnoise.conversion.identity import computation
from resnoise.conversion.preparation import prepare
from resnoise.datasets import ImageData
from resnoise.errors import ConfigError, DataError
from resnoise.methods import Method
from resnoise.methods.conversion_method import ConversionMethod
from resnoise.records.record import RecordKey
from resnoise.training import checkpoint
from resnoise.training.checkpoint import CheckpointInfo, JobInfo
from resnoise.training.weights import load_state_


@dataclass(frozen=True)
class Job:
    """One network to train.

    Args:
        method: whose network it is.
        training: name of the training, see `resnoise.methods.Training`.
        architecture: name from `resnoise.models.names()`, or any name for an `own_model`.
        data: data set with its splits.
        recipe: what decides the outcome.
        seed: of weights, order of images, augmentation and noise, and of the splits.
        own_model: any module with ReLUs, to train that instead of an architecture of the suite.

    Raises:
        ConfigError: the architecture has no name, the seed is no integer, or the data set was dealt
            out to its splits by another seed.

    Examples:
        >>> from resnoise import Recipe, datasets, methods
        >>> data = datasets.load("digits", seed=0)
        >>> job = Job(methods.get("nq"), "nq", "digits-cnn", data, Recipe(epochs=10))
        >>> sum(parameter.numel() for parameter in job.network().parameters())
        25981
    """

    method: Method
    training: str
    architecture: str
    data: ImageData
    recipe: Recipe
    seed: int = 0
    own_model: nn.Module | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.architecture, str) or not self.architecture.strip():
            raise ConfigError(
                f"expected argument `architecture` to be a name, but got {self.architecture!r}; "
                "records and folders of an `own_model` go by the name that you give it"
            )
        if not isinstance(self.seed, int):  # NumPy's integers are none in JSON
            raise ConfigError(
                f"expected argument `seed` to be an integer, but got {self.seed!r}; int() makes one"
            )
        # A checkpoint names the seed alone: with other splits its network would be tested on images
        # that it was trained on.
        if self.data.seed not in (None, self.seed):
            raise ConfigError(
                f"expected data of the job's seed {self.seed}, but got {self.data.name} dealt out "
                f"by seed {self.data.seed}; load it with seed={self.seed}"
            )

    def model(self) -> nn.Module:
        """The model with plain ReLUs that is turned into a network, before training.

        Raises:
            DataError: it does not take the images of the data set, or has other classes.
        """
        model = self.own_model
        if model is None:
            model = models.build(
                self.architecture,
                classes=len(self.data.classes),
                shape=self.data.shape,
                seed=self.seed,
            )
        _require_fit(model, self.architecture, self.data)
        return model

    def network(self) -> nn.Module:
        """The network to train, before training."""
        return self.method.network(self.model(), self.training, self.recipe)

    def predecessor(self) -> Job | None:
        """The training whose best weights this one starts from, see `predecessor`."""
        start = predecessor(self.method, self.recipe)
        return None if start is None else replace(self, **start._asdict())

    def load(self, path: Path) -> nn.Module:
        """The trained network of a checkpoint, see `restore`."""
        return self.restore(path)[1]

    def restore(self, path: Path) -> tuple[CheckpointInfo, nn.Module]:
        """What a checkpoint says, and its trained network, in evaluation mode on the CPU.

        Both are of the same epoch, also while a training writes the next.

        Raises:
            CheckpointError: the checkpoint is damaged, or of another job.
        """
        info, tensors = checkpoint.read(path)
        checkpoint.require_job(info, self.info(), path)
        network = self.network()
        load_state_(network, tensors, path)
        return info, network.eval()

    def info(self) -> JobInfo:
        """What identifies this job in a checkpoint."""
        return JobInfo(
            training=self.training,
            architecture=self.architecture,
            dataset=self.data.name,
            classes=self.data.classes,
            shape=self.data.shape,
            seed=self.seed,
            recipe=self.recipe.to_json(),
            data_sha256=self.data.sha256,
            model_sha256=self._own_model_sha256,
        )

    @cached_property
    def _own_model_sha256(self) -> str:
        if self.own_model is None:
            return ""
        with warnings.catch_warnings(action="ignore"):  # said when it is trained
            return sha256_of(computation(prepare(self.own_model)))

    def key(self, backend: str, timesteps: int) -> RecordKey:
        """Key of the record of an evaluation of the trained network."""
        return RecordKey(
            training=self.training,
            method=self.method.name,
            backend=backend,
            dataset=self.data.name,
            architecture=self.architecture,
            levels=self.method.levels(self.recipe),
            seed=self.seed,
            timesteps=timesteps,
        )

    @property
    def trained_by(self) -> str:
        """The method to name for this training: others may share what one of them is named for."""
        return self.training if self.training in methods.names() else self.method.name


class Predecessor(NamedTuple):
    """What of a `Job` is another in the one that it starts from."""

    method: Method
    training: str
    recipe: Recipe


def predecessor(method: Method, recipe: Recipe) -> Predecessor | None:
    """What a training of `method` by `recipe` starts from; None if it starts from scratch.

    Raises:
        ConfigError: the recipe names a method that there is not, or one that starts from yet
            another; this method or that one trains no source network.
    """
    extensions = recipe.extensions
    name = extensions.start_from
    if not name:
        return None
    earlier = methods.get(name)
    for one in (earlier, method):
        if not isinstance(one, ConversionMethod):
            raise ConfigError(
                "expected `start_from` to be of methods that train a network without spikes, but "
                f"got {one.name}; leave {one.name} or `start_from` out"
            )
    # Induction and extensions are this method's own; what that one has, its recipe says.
    base = replace(
        recipe,
        epochs=extensions.start_epochs or recipe.epochs,
        learning_rate=extensions.start_learning_rate or recipe.learning_rate,
        induction=InductionConfig(),
        extensions=Extensions(),
    )
    before = earlier.recipe(base)
    if earliest := before.extensions.start_from:
        raise ConfigError(
            f"expected `start_from` to name a method that starts from scratch, but got {name}, "
            f"which starts from {earliest} itself"
        )
    (training,) = earlier.trainings("reference", (1,))
    return Predecessor(earlier, training.name, before)


def _require_fit(model: nn.Module, architecture: str, data: ImageData) -> None:
    try:
        with evaluating(model), torch.no_grad():
            logits = model(torch.zeros(1, *data.shape))
    # What torch's modules raise of a shape that they do not take.
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"architecture {architecture} does not take images of shape {data.shape}: {reason}"
        ) from error
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shape != (1, len(data.classes)):
        raise DataError(
            f"expected architecture {architecture} to give logits of shape "
            f"(1, {len(data.classes)}) for one image of {data.name}, but got {shape}"
        )
