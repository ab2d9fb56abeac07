"""VGG-16 for small images (Simonyan & Zisserman, ICLR 2015), with BatchNorm."""

from __future__ import annotations

from torch import nn

from resnoise.errors import ConfigError

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_HIDDEN = 4096


def vgg16(classes: int, channels: int, side: int) -> nn.Module:
    """Thirteen convolutions in five stages, each halving the image, and three linear layers.

    Args:
        classes: number of classes.
        channels: of the images.
        side: height and width of the images, a multiple of 32.
    """
    if side % 32:
        raise ConfigError(f"expected images whose side is a multiple of 32 for vgg16, got {side}")
    layers: list[nn.Module] = []
    inputs = channels
    for stage in _STAGES:
        for width in stage:
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
            layers += [nn.ReLU()]
            inputs = width
        layers += [nn.AvgPool2d(2)]
    features = inputs * (side // 32) ** 2
    classifier = [
        nn.Flatten(),
        nn.Linear(features, _HIDDEN), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(_HIDDEN, classes),
    ]  # fmt: skip
    return nn.Sequential(*layers, *classifier)
