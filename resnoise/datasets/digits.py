"""The 1,797 handwritten digits of 8×8 grey pixels that come with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from resnoise.datasets.data_options import DataOptions
from resnoise.datasets.images import LabelledImages, Normalisation, hash_arrays
from resnoise.datasets.splits import ImageData, deal, hold_out_fold

# Pixels are integers 0 to 16; mean and standard deviation of pixel / 16 over all 1,797 images.
NORMALISE = Normalisation(mean=(0.3053,), std=(0.3760,), full_scale=16.0)


def load(options: DataOptions, seed: int, augmentation: Sequence[str]) -> ImageData:
    """The digits with one fold of a 5-fold cross-validation, chosen by the seed, as test split."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(digits.images.astype(np.uint8)).unsqueeze(1)
    labels = digits.target.astype(np.int64)
    classes = tuple(str(name) for name in digits.target_names)
    images = LabelledImages(pixels, labels, classes, NORMALISE)
    rest, test = hold_out_fold(labels, seed)
    return deal(
        options,
        seed,
        augmentation,
        images,
        images,
        development_positions=rest,
        test_positions=test,
        shape=(1, 8, 8),
        sha256=hash_arrays(pixels.numpy(), labels),
    )
