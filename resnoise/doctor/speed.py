"""How fast a device trains and its loader loads, by some steps of a training on made-up images."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from resnoise import methods
from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import Recipe
from resnoise.datasets import ImageData, LabelledImages, Normalisation, Split, batches
from resnoise.doctor.correctness import SHAPE
from resnoise.doctor.finding import Finding
from resnoise.training.job import Job
from resnoise.training.trainer import Trainer

EPOCH_IMAGES = 45_000
"""Of CIFAR to train on; a tenth of the whole validates."""
PATIENCE = 5.0
"""Seconds of an epoch of few images after which there is none to confirm it."""
AUGMENTATION = ("crop", "flip", "autoaugment", "cutout")


def made_up(images: int) -> ImageData:
    """Images in the shape of CIFAR, a tenth of which validate."""
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (images, *SHAPE), dtype=np.uint8))
    labels = np.arange(images) % 10
    normalise = Normalisation((0.5,) * 3, (0.25,) * 3)
    everything = LabelledImages(pixels, labels, tuple("0123456789"), normalise)
    positions, held_out = np.arange(images), images // 10
    validation = Split(everything, positions[:held_out])
    return ImageData(
        "made-up", everything.classes, SHAPE,
        train=Split(everything, positions[held_out:], AUGMENTATION),
        validation=validation, test=validation, sha256="0" * 64,
    )  # fmt: skip


def epoch(
    method: str, architecture: str, execution: ExecutionConfig, images: int, batch_size: int
) -> Finding:
    """Seconds an epoch of CIFAR, from one of fewer images after another that compiles.

    Where the first takes long and compiles nothing, as on a busy machine, it stands for itself.
    """
    recipe = Recipe(epochs=9, batch_size=batch_size, augmentation=AUGMENTATION)
    job = Job(methods.get(method), method, architecture, made_up(images), recipe)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(job, Path(folder), execution)
        started = time.perf_counter()
        trainer.run_epoch()
        first = time.perf_counter() - started
        if execution.compile or first < PATIENCE:
            trainer.run_epoch()
        seconds = trainer.history[-1]["seconds"] * EPOCH_IMAGES / len(job.data.train)
    graph = ", as one graph" * trainer.step.is_captured
    found = f"{seconds:.2f} s an epoch{graph}; the first of {images} images took {first:.0f} s"
    well = trainer.step.is_captured if trainer.device.type == "cuda" else None
    return Finding(f"{method} {architecture}", found, well)


def loader(images: int) -> Finding:
    """Augmented images a second of the loader, on this process's threads."""
    split = made_up(images).train
    started = time.perf_counter()
    seen = sum(len(labels) for _, labels in batches(split, 256, generator=torch.Generator()))
    rate = seen / (time.perf_counter() - started)
    return Finding("loader", f"{rate:.0f} augmented images a second")
