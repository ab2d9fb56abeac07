"""A training of a second: forty-odd made-up images of two classes, and a small model."""

from __future__ import annotations

import numpy as np
import torch
from resnoise_baselines.qcfs import QCFS
from torch import nn

from resnoise.config.recipe import Recipe
from resnoise.datasets import ImageData, LabelledImages, Normalisation, Split
from resnoise.methods.nq import NQ
from resnoise.training.job import Job

METHODS = {"nq": NQ, "qcfs": QCFS}


class Forbidden:
    """A split that must not be read."""

    def __getattribute__(self, name: str) -> None:
        raise AssertionError(f"the test split was asked for `{name}`")

    def __len__(self) -> int:
        raise AssertionError("the test split was asked for its length")


def tiny_data() -> ImageData:
    """Noise that is brighter on the left or on the right, seldom clearly so."""
    rng = np.random.default_rng(0)
    labels = np.arange(70) % 2
    pixels = rng.integers(0, 200, (70, 1, 8, 8), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[0, :, 4 * label : 4 * label + 4] += 25
    classes = ("left", "right")
    normalise = Normalisation((0.4,), (0.25,))
    images = LabelledImages(torch.from_numpy(pixels), labels.astype(np.int64), classes, normalise)
    order = rng.permutation(70)
    return ImageData(
        name="tiny",
        classes=classes,
        shape=(1, 8, 8),
        train=Split(images, order[:48], ("crop", "cutout")),
        validation=Split(images, order[48:]),
        test=Forbidden(),
        sha256="0" * 64,
    )


def tiny_model() -> nn.Module:
    """With BatchNorm and dropout, so that all that has a state or draws at random is there."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.AvgPool2d(2), nn.Dropout(0.2),
            nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Flatten(), nn.Linear(128, 2),
        )  # fmt: skip


def tiny_job(method: str = "nq", seed: int = 0, **recipe) -> Job:
    settings = {"epochs": 4, "batch_size": 16, "learning_rate": 0.1} | recipe
    return Job(
        method=METHODS[method](),
        training=method,
        architecture="tiny",
        data=tiny_data(),
        recipe=Recipe(augmentation=("crop", "cutout"), **settings),
        seed=seed,
        own_model=tiny_model(),
    )
