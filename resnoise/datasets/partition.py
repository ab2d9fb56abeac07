"""How images are dealt out to the splits: seeded, and with every class in proportion."""

from __future__ import annotations

import numpy as np

from resnoise.datasets.base import ImageData, LabelledImages, Split
from resnoise.datasets.request import Request
from resnoise.errors import DataError

FOLDS = 5
VALIDATION_FRACTION = 0.1


def deal(
    request: Request,
    development: LabelledImages,
    test: LabelledImages,
    *,
    development_positions: np.ndarray,
    test_positions: np.ndarray,
    shape: tuple[int, int, int],
    sha256: str,
) -> ImageData:
    """Make a data set: 90 % of the development images to train, 10 % to validate, and a test split.

    Args:
        request: gives the name, the seed and the augmentation.
        development: images for training and validation.
        test: images for testing; may be the same pool.
        development_positions: which of the first, int64 [N].
        test_positions: which of the second, int64 [K].
        shape: (C, H, W) of an image.
        sha256: hash of all of them.
    """
    labels = development.labels[development_positions]
    train, validation = (
        development_positions[chosen] for chosen in hold_out_validation(labels, request.seed)
    )
    return ImageData(
        name=request.name,
        classes=development.classes,
        shape=shape,
        train=Split(development, train, request.augmentation),
        validation=Split(development, validation),
        test=Split(test, test_positions),
        sha256=sha256,
        seed=request.seed,
    )


def hold_out_validation(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted positions of a stratified 90 % and of the remaining 10 % of `labels` [N]."""
    from sklearn.model_selection import train_test_split

    try:
        train, validation = train_test_split(
            np.arange(len(labels)),
            test_size=VALIDATION_FRACTION,
            stratify=labels,
            random_state=seed,
        )
    except ValueError as error:
        present, counts = np.unique(labels, return_counts=True)
        raise DataError(
            "expected enough training images to hold out 10 % of every class for validation, but "
            f"got {len(labels)} images of {len(present)} classes, {counts.min()} of the rarest; "
            "add images, best 10 or more a class"
        ) from error
    return np.sort(train), np.sort(validation)


def hold_out_fold(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions outside and inside one fold of a stratified 5-fold cross-validation of `labels`.

    Seeds 0 to 4 select the folds of one shuffle, 5 to 9 those of the next, and so on: together,
    five seeds from a multiple of 5 test every image once.
    """
    from sklearn.model_selection import StratifiedKFold

    repetition, fold = divmod(seed, FOLDS)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repetition)
    return list(folds.split(labels, labels))[fold]
