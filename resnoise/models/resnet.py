"""Residual networks for small images (He et al., CVPR 2016), as the conversion papers use them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut; a projection where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """A 3 x 3 stem and stages of `BasicBlock`; each stage after the first halves the image.

    Args:
        widths: channels of each stage.
        blocks: number of blocks of each stage.
        classes: number of classes.
        channels: of the images.
    """

    def __init__(
        self, widths: Sequence[int], blocks: Sequence[int], classes: int, channels: int
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU()
        stages = []
        inputs = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            first = BasicBlock(inputs, width, stride=1 if stage == 0 else 2)
            rest = [BasicBlock(width, width, stride=1) for _ in range(count - 1)]
            stages.append(nn.Sequential(first, *rest))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(inputs, classes)
        _initialise_(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.relu(self.norm(self.conv(x))))
        return self.classifier(self.flatten(self.pool(x)))


def _initialise_(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet20(classes: int, channels: int, side: int) -> ResNet:
    """ResNet-20 for 32 x 32 images: 16, 32 and 64 channels, 0.27 M parameters."""
    return ResNet((16, 32, 64), (3, 3, 3), classes, channels)


def resnet18(classes: int, channels: int, side: int) -> ResNet:
    """ResNet-18 with a 3 x 3 stem and no pool after it: 64 to 512 channels, 11 M parameters."""
    return ResNet((64, 128, 256, 512), (2, 2, 2, 2), classes, channels)
