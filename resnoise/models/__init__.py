"""Architectures by name. A new one is a file next to this one and a line in `_MODELS`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from torch import nn

from resnoise.errors import ConfigError
from resnoise.utils.seeding import default_generator_seeded

# name -> (module, function from (classes, channels, side) to a model with plain ReLUs)
_MODELS = {
    "digits-cnn": ("resnoise.models.digits_cnn", "digits_cnn"),
    "resnet18": ("resnoise.models.resnet", "resnet18"),
    "resnet20": ("resnoise.models.resnet", "resnet20"),
    "vgg16": ("resnoise.models.vgg", "vgg16"),
}


def names() -> list[str]:
    """All known architectures."""
    return list(_MODELS)


def require_known(name: str) -> None:
    """Raise `ConfigError` unless there is an architecture of this name."""
    if name not in _MODELS:
        raise ConfigError(f"unknown architecture {name!r}; known: {', '.join(names())}")


def description(name: str) -> str:
    """What an architecture is, in a line.

    Examples:
        >>> description("resnet20")
        'ResNet-20 for 32 x 32 images: 16, 32 and 64 channels, 0.27 M parameters.'
    """
    require_known(name)
    module, function = _MODELS[name]
    return getattr(import_module(module), function).__doc__.strip().partition("\n")[0]


def build(name: str, *, classes: int, shape: tuple[int, int, int], seed: int = 0) -> nn.Module:
    """Build an architecture with plain ReLUs and freshly drawn weights.

    Args:
        name: one of `names()`.
        classes: number of classes.
        shape: `(C, H, W)` of one image.
        seed: decides the weights; torch's default generator is left as it was.

    Raises:
        ConfigError: unknown name, or an image that is too small or not square.
    """
    require_known(name)
    channels, height, width = shape
    if height != width:
        raise ConfigError(f"expected square images for {name}, but got {height} x {width}")
    module, function = _MODELS[name]
    make: Callable[[int, int, int], nn.Module] = getattr(import_module(module), function)
    with default_generator_seeded(seed):
        return make(classes, channels, height)
