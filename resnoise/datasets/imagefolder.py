"""Any folder of images: `train/` and `test/`, each with one folder of image files a class."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from resnoise.datasets.data_options import DataOptions
from resnoise.datasets.image_listing import Listing, describe, list_images, require_folder
from resnoise.datasets.images import LabelledImages, Normalisation
from resnoise.datasets.splits import ImageData, deal
from resnoise.datasets.torchvision_compat import import_torchvision
from resnoise.errors import DataError
from resnoise.utils.reading import require_regular
from resnoise.utils.text import escaped, is_plain

if TYPE_CHECKING:
    from PIL.Image import Image

# Mean and standard deviation of ImageNet's pixels / 255, the usual choice for natural images.
NORMALISE = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class ImageFiles:
    """Image files that are read when they are asked for, as squares of RGB pixels.

    Args:
        paths: the files.
        size: side in pixels; images are turned upright as their EXIF data say, resized to it on
            their shorter side, then centre-cropped.
    """

    def __init__(self, paths: list[str], size: int) -> None:
        self.paths = paths
        self.size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, positions: Tensor) -> Tensor:
        """The images at `positions` [N], a uint8 tensor [N, 3, size, size]."""
        images = np.stack([self._read(self.paths[position]) for position in positions.tolist()])
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    def require_readable(self) -> None:
        """Raise `DataError` if a file is no image that can be read."""
        for path in self.paths:
            self._read(path)

    def _read(self, path: str) -> np.ndarray:
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as image:
                square = (self.size, self.size)
                return np.asarray(ImageOps.fit(_rgb(image), square, Image.Resampling.BILINEAR))
        # What PIL's decoders raise on a broken file is not limited to any class of exceptions.
        except Exception as error:
            raise DataError(
                f"cannot read image {path}: {error}; replace or remove the file"
            ) from error


def load(options: DataOptions, seed: int, augmentation: Sequence[str]) -> ImageData:
    """The images below the folder that follows `imagefolder:`, resized to `image_size`.

    Test images are read once now: mending one after a training would make it one of other data.
    """
    import_torchvision()
    folder = Path(options.argument)
    for part in ("train", "test"):
        require_folder(folder / part)
    taken: set[tuple[int, int]] = set()
    test = list_images(folder / "test", taken)
    train = list_images(folder / "train", taken)  # nothing that is tested on
    for part in (train, test):
        _require_plain_names(part)
        try:
            require_regular(path for path, _ in part.samples)
        except OSError as error:
            raise DataError(f"cannot read image {error.filename}: {error.strerror}") from error
    if train.classes != test.classes:
        differing = sorted(set(train.classes) ^ set(test.classes))
        raise DataError(
            f"expected the same class folders in {folder / 'train'} and {folder / 'test'}, but "
            f"only one of them has {', '.join(differing)}"
        )
    digests = {path: _digest(Path(path)) for part in (train, test) for path, _ in part.samples}
    train = _without_copies(train, test, digests)
    development, held_out = (
        LabelledImages(
            pixels=ImageFiles([path for path, _ in part.samples], options.image_size),
            labels=np.array([label for _, label in part.samples], dtype=np.int64),
            classes=part.classes,
            normalise=NORMALISE,
        )
        for part in (train, test)
    )
    held_out.pixels.require_readable()
    _tell(folder, train, test)
    return deal(
        options,
        seed,
        augmentation,
        development,
        held_out,
        development_positions=np.arange(len(train.samples)),
        test_positions=np.arange(len(test.samples)),
        shape=(3, options.image_size, options.image_size),
        sha256=_hash_files(folder, digests, options.image_size),
    )


def _without_copies(train: Listing, test: Listing, digests: dict[str, str]) -> Listing:
    """The training images less those that are byte for byte a test image, or another of them.

    A split of copies would have some of an image's in the training and others in the validation.
    """
    seen = {digests[path] for path, _ in test.samples}
    left_out = train.left_out.copy()
    samples = []
    for path, label in train.samples:
        if digests[path] in seen:
            left_out["copied"] += 1
        else:
            seen.add(digests[path])
            samples.append((path, label))
    if empty := set(range(len(train.classes))) - {label for _, label in samples}:
        names = ", ".join(train.classes[label] for label in sorted(empty))
        raise DataError(
            f"expected training images of {names} that are not among the others or the test "
            "images, but all are copies of those"
        )
    return train._replace(samples=samples, left_out=left_out)


def _tell(folder: Path, train: Listing, test: Listing) -> None:
    """Say in one line what is not as the folder looks."""
    if left_out := train.left_out + test.left_out:
        warnings.warn(f"{folder}: left out {describe(left_out)}", stacklevel=4)


def _rgb(image: Image) -> Image:
    from PIL import ImageOps

    if image.mode.startswith(("I", "F")):  # PIL clips such pixels to 255
        raise ValueError(f"expected 8 bits a channel, but got mode {image.mode}")
    return ImageOps.exif_transpose(image).convert("RGB")


def _digest(path: Path) -> str:
    """Size and SHA-256 of a file's bytes."""
    try:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
            return f"{file.tell()}\0{content}"
    except OSError as error:
        raise DataError(f"cannot read image {path}: {error}") from error


def _require_plain_names(found: Listing) -> None:
    for name in [*found.classes, *(path for path, _ in found.samples)]:
        if not is_plain(name):
            raise DataError(
                f"expected names of images and classes in UTF-8 and without control characters, "
                f"but got {escaped(name)}; rename it"
            )


def _hash_files(folder: Path, digests: dict[str, str], image_size: int) -> str:
    """SHA-256 of what is made of the files: how and to what side they are turned and scaled, and of
    each file its path below `folder`, which gives the class, its size and its bytes.
    """
    digest = hashlib.sha256(f"upright, {image_size}\n".encode())
    for path, content in digests.items():
        digest.update(f"{Path(path).relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()
