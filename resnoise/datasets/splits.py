"""The three splits of a data set, and how images are dealt out to them.

Images are dealt out by seed, with every class in proportion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from resnoise.config.recipe import VALIDATION_FRACTION
from resnoise.datasets.augment import Augmentation
from resnoise.datasets.data_options import DataOptions
from resnoise.datasets.images import LabelledImages
from resnoise.errors import DataError

FOLDS = 5


def deal(
    options: DataOptions,
    seed: int,
    augmentation: Sequence[str],
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
        options: gives the name.
        seed: decides which images validate.
        augmentation: names from `config.AUGMENTATIONS`, of the training split.
        development: images for training and validation.
        test: images for testing; may be the same pool.
        development_positions: which of the first, int64 [N].
        test_positions: which of the second, int64 [K].
        shape: (C, H, W) of an image.
        sha256: hash of all of them.
    """
    labels = development.labels[development_positions]
    train, validation = (
        development_positions[chosen] for chosen in hold_out_validation(labels, seed)
    )
    return ImageData(
        name=options.dataset,
        classes=development.classes,
        shape=shape,
        train=Split(development, train, augmentation),
        validation=Split(development, validation),
        test=Split(test, test_positions),
        sha256=sha256,
        seed=seed,
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


class Split(Dataset):
    """Some of the images of a data set.

    Args:
        images: what the split picks from.
        positions: which images, int64 array [N].
        augmentation: names from `config.AUGMENTATIONS`; applied only where a generator is given.

    Attributes:
        positions: as given.
        labels: int64 array [N].
    """

    def __init__(
        self, images: LabelledImages, positions: np.ndarray, augmentation: Sequence[str] = ()
    ) -> None:
        self.positions = positions
        self.labels = images.labels[positions]
        self._pixels = images.pixels
        self._normalise = images.normalise
        self._augmentation = Augmentation(augmentation, channels=len(images.normalise.mean))

    def __len__(self) -> int:
        return len(self.positions)

    def shares_images_with(self, other: Split) -> bool:
        """Whether both pick from the same images, so that equal positions are one image."""
        return self._pixels is other._pixels

    def batch(
        self, indices: Sequence[int], generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Images, float32 [N, C, H, W], and labels, int64 [N], at `indices` of this split.

        Images are augmented, if the split has an augmentation, only when a generator is given;
        what comes back depends on nothing but `indices` and the generator's state.
        """
        chosen = np.asarray(indices, dtype=np.int64)
        pixels = self._pixels[torch.from_numpy(self.positions[chosen])]
        return self.prepared(pixels, generator), torch.from_numpy(self.labels[chosen])

    def prepared(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Network input, float32 [N, C, H, W], from uint8 pixels on any device.

        Args:
            pixels: uint8 [N, C, H, W].
            generator: of the same device, to augment them; None does not.
        """
        if generator is None:
            return self._normalise(pixels)
        images = self._normalise(self._augmentation.pixels(pixels, generator))
        return self._augmentation.normalised(images, generator)

    def stored(self) -> Tensor | None:
        """All pixels of the split, uint8 [N, C, H, W], if they are in memory; None if not."""
        if not isinstance(self._pixels, Tensor):
            return None
        return self._pixels[torch.from_numpy(self.positions)]

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One image without augmentation, float32 [C, H, W], and its label."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int]]:
        """Several images without augmentation, read at once: what torch's `DataLoader` calls."""
        images, labels = self.batch(indices)
        return list(zip(images, labels.tolist(), strict=True))


@dataclass(frozen=True)
class ImageData:
    """A data set in three splits.

    Args:
        name: as given to `resnoise.datasets.load`.
        classes: names in the order of the labels.
        shape: (C, H, W) of every image.
        train: the training split, the only one that is augmented.
        validation: held out of the training images; for choosing epochs and noise induction.
        test: for reporting only.
        sha256: hash of the images and labels of the whole data set, whatever the seed.
        seed: that dealt the images out to the splits; None for splits of your own.

    Raises:
        DataError: there are fewer than two images to train on, of which BatchNorm takes statistics,
            or there is none to validate with, or the hash is none.
    """

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train: Split
    validation: Split
    test: Split
    sha256: str
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, split, least in (("train", self.train, 2), ("validation", self.validation, 1)):
            if len(split) < least:
                raise DataError(
                    f"expected split {name} of {self.name} to have {least} or more images, but got "
                    f"{len(split)}"
                )
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise DataError(
                f"expected the SHA-256 of {self.name} as 64 hexadecimal digits, such as "
                f"hash_arrays gives, but got {self.sha256!r}"
            )

    @property
    def test_ids(self) -> np.ndarray:
        """Position of each test image in the original data set, int64 [N].

        Pairs the predictions of several methods and pools the folds of a cross-validation.
        """
        return self.test.positions

    def calibration(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` different training images (all, if there are fewer), not augmented.

        Returns a float32 tensor [count, C, H, W].
        """
        indices = torch.randperm(len(self.train), generator=generator)[:count]
        return self.train.batch(indices.tolist())[0]

    def require_training_apart(self) -> None:
        """Raise `DataError` if training images, which may calibrate, are among the test images."""
        if not self.train.shares_images_with(self.test):
            return
        shared = np.intersect1d(self.train.positions, self.test.positions)
        if len(shared):
            raise DataError(
                f"expected calibration images that are no test images, but {len(shared)} images of "
                f"{self.name} are in both splits; deal them out to one of them"
            )
