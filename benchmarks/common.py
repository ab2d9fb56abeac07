"""What the suites share: parameter lists, inputs and the predicate that skips.

The lists are the same whatever is installed, so that results of machines and commits line up; what
a machine or a commit lacks is skipped in `setup`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from asv_runner.benchmarks.mark import SkipNotImplemented
from torch import Tensor, fx

try:
    from resnoise import models, prepare
    from resnoise.datasets import ImageData, LabelledImages, Normalisation, Split
except ImportError:  # a commit from before these existed; `require` skips
    models = ImageData = None

# Whether this run is only to see that everything works, and its figures are thrown away.
SMOKE = os.environ.get("RESNOISE_SMOKE") == "1"


def sweep(values: list) -> list:
    """The values of a parameter; in a smoke run the second alone, which stands for the others."""
    return values[1:2] if SMOKE else values


CONVERTED = ["nq", "qcfs", "srp"]
METHODS = [*CONVERTED, "direct", "direct-tet"]
BACKENDS = ["reference", "norse", "snntorch"]
ARCHITECTURES = sweep(["resnet20", "digits-cnn"])
# Where every backend must give the same; the costs are measured on all of them in a smoke run too.
BACKENDS_THAT_AGREE = sweep(BACKENDS)

# The suite is that of the working tree, whichever commit it measures; so are its fixed weights.
ROOT = Path(__file__).resolve().parent.parent
FIXED_WEIGHTS = ROOT / "results" / "check" / "digits" / "best.json"


def require(*modules: str, backend: str = "reference") -> None:
    """Skip if this commit lacks one of `modules`, or this environment a backend's library."""
    for name in (*modules, "resnoise.prepare", "resnoise.datasets", "resnoise.backends"):
        try:
            import_module(name)
        except ImportError as error:
            raise SkipNotImplemented(f"this commit cannot import {name}: {error}") from error
    if backend not in import_module("resnoise.backends").available():
        raise SkipNotImplemented(f"{backend} is not installed")


def image_shape(architecture: str) -> tuple[int, int, int]:
    """Shape of the images that an architecture is measured on."""
    return (1, 8, 8) if architecture == "digits-cnn" else (3, 32, 32)


def source_network(architecture: str) -> fx.GraphModule:
    """A source network with freshly drawn weights."""
    return prepare(models.build(architecture, classes=10, shape=image_shape(architecture))).eval()


def random_images(architecture: str, batch: int) -> Tensor:
    """Images for an architecture, `[N, C, H, W]`."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((batch, *image_shape(architecture)), generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def random_data(architecture: str, train: int, validation: int) -> ImageData:
    """A data set of random bytes, in splits of the given sizes."""
    shape = image_shape(architecture)
    count = train + validation
    generator = torch.Generator().manual_seed(0)
    classes = tuple(str(digit) for digit in range(10))
    images = LabelledImages(
        torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator),
        np.arange(count) % len(classes),
        classes,
        Normalisation((0.5,) * shape[0], (0.25,) * shape[0]),
    )
    positions = np.arange(count)
    held_out = Split(images, positions[train:])
    return ImageData(
        name="random",
        classes=classes,
        shape=shape,
        train=Split(images, positions[:train]),
        validation=held_out,
        test=held_out,
        sha256="0" * 64,
    )


def peak_memory(function: Callable[[], object]) -> float:
    """Peak memory of a call in MiB; skips where the system does not tell."""
    peak = import_module("resnoise.metrics").peak_memory_mib(function, "cpu")
    if peak is None:
        raise SkipNotImplemented("this system does not tell the peak of a process's memory")
    return peak
