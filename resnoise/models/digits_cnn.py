"""A small convolutional network for 8 x 8 digits, which trains in seconds on a CPU."""

from __future__ import annotations

from torch import nn

from resnoise.errors import ConfigError


def digits_cnn(classes: int, channels: int, side: int) -> nn.Module:
    """Three convolutions and a linear classifier, about 25,000 parameters.

    Args:
        classes: number of classes.
        channels: of the images.
        side: height and width of the images, at least 4.
    """
    if side < 4:
        raise ConfigError(f"expected images whose side is at least 4 for digits-cnn, got {side}")

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *block(channels, 16),
        *block(16, 32),
        nn.AvgPool2d(2),
        *block(32, 64),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (side // 4) ** 2, classes),
    )
