"""Checks of tensors, each an error of one line that says what was expected and what was got."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from resnoise.errors import DataError, ResnoiseError


def require_images(images: object) -> None:
    """Raise `DataError` unless `images` are a tensor of finite floating-point numbers."""
    if not isinstance(images, Tensor):
        raise DataError(
            f"expected images in a tensor [N, C, H, W], but got {type(images).__name__}; "
            "torch.from_numpy makes one of a NumPy array"
        )
    if not images.is_floating_point():
        raise DataError(
            f"expected images of floating-point numbers, but got {images.dtype}; normalise them as "
            "the network's training images were"
        )
    # Spikes would hide them: whether NaN reaches a threshold is each library's own affair.
    if not images.isfinite().all():
        raise DataError("expected images of finite numbers, but some pixels are infinite or NaN")


def require_some_images(images: object) -> None:
    """The same, and `DataError` if there is none."""
    require_images(images)
    if len(images) == 0:
        raise DataError(f"expected at least one image, but got shape {tuple(images.shape)}")


def require_finite(tensors: Iterable[tuple[str, Tensor]], error: type[ResnoiseError]) -> None:
    """Raise `error` unless all numbers of the tensors, given with their names, are finite."""
    for name, tensor in tensors:
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise error(
                f"expected weights of finite numbers, but some of `{name}` are infinite or NaN; "
                "train anew, or load the weights of an earlier epoch"
            )
