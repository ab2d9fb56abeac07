"""The 1,797 handwritten digits of 8×8 grey pixels that come with scikit-learn."""

from __future__ import annotations

import numpy as np
import torch

from resnoise.datasets.base import ImageData, LabelledImages, Normalisation, hash_arrays
from resnoise.datasets.partition import deal, hold_out_fold
from resnoise.datasets.request import Request

# Pixels are integers 0 to 16; mean and standard deviation of pixel / 16 over all 1,797 images.
NORMALISE = Normalisation(mean=(0.3053,), std=(0.3760,), full_scale=16.0)


def load(request: Request) -> ImageData:
    """The digits with one fold of a 5-fold cross-validation, chosen by the seed, as test split."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = torch.from_numpy(digits.images.astype(np.uint8)).unsqueeze(1)
    labels = digits.target.astype(np.int64)
    classes = tuple(str(name) for name in digits.target_names)
    images = LabelledImages(pixels, labels, classes, NORMALISE)
    rest, test = hold_out_fold(labels, request.seed)
    return deal(
        request,
        images,
        images,
        development_positions=rest,
        test_positions=test,
        shape=(1, 8, 8),
        sha256=hash_arrays(pixels.numpy(), labels),
    )
