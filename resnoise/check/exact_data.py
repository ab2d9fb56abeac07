"""Figures of data: which images are in which split, their order, and what augmentation makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from resnoise.check.measurement import Figure, Kind, digest

FOLDS = 6  # the five of one cross-validation, and the first of the next
IMAGES = 32


def groups() -> dict[str, Callable[[], Iterator[Figure]]]:
    """Groups of figures by name."""
    return {
        "splits": split_figures,
        "order of images": order_figures,
        "augmentation": augmentation_figures,
    }


def split_figures() -> Iterator[Figure]:
    """Which images of digits train, validate and test, and what the network sees of them."""
    from resnoise.datasets import load

    for seed in range(FOLDS):
        data = load("digits", seed=seed)
        for name in ("train", "validation", "test"):
            positions = torch.from_numpy(np.asarray(getattr(data, name).positions, np.int64))
            figure = f"splits, seed {seed}: digest of {name}"
            yield Figure(figure, Kind.IDENTICAL, digest(positions))
    images, labels = data.test.batch(range(len(data.test)))
    yield Figure("splits: mean of images", Kind.CLOSE, images.double().mean().item())
    yield Figure("splits: deviation of images", Kind.CLOSE, images.double().std().item())
    yield Figure("splits: digest of labels", Kind.IDENTICAL, digest(labels))
    calibration = data.calibration(IMAGES, torch.Generator().manual_seed(0))
    yield Figure("splits: digest of calibration", Kind.IDENTICAL, digest(calibration > 0))


def order_figures() -> Iterator[Figure]:
    """Labels of two passes in batches of which the last is not whole."""
    from resnoise.datasets import batches, load

    split = load("digits", seed=0).validation
    shuffled = batches(split, 32, generator=torch.Generator().manual_seed(0))
    passes = [labels for _ in range(2) for _, labels in shuffled]
    yield Figure("order of images: digest in training", Kind.IDENTICAL, digest(*passes))
    whole = [labels for _, labels in batches(split, 32)]
    yield Figure("order of images: digest otherwise", Kind.IDENTICAL, digest(*whole))


def augmentation_figures() -> Iterator[Figure]:
    """Each augmentation of made-up photographs, whose pixels are bytes before and after."""
    from resnoise.datasets import LabelledImages, Normalisation, Split

    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8)
    as_they_are = Normalisation((0.0,) * 3, (1.0,) * 3, full_scale=1.0)
    images = LabelledImages(pixels, np.zeros(IMAGES, np.int64), ("one",), as_they_are)
    for name in ("crop", "flip", "autoaugment", "cutout"):
        split = Split(images, np.arange(IMAGES), (name,))
        augmented, _ = split.batch(range(IMAGES), torch.Generator().manual_seed(0))
        yield Figure(f"augmentation: digest of {name}", Kind.IDENTICAL, digest(augmented))
