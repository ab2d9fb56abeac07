"""The architectures: sizes, seeds and the images they take."""

from itertools import pairwise
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from resnoise import models
from resnoise.errors import ConfigError


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def conv_bn(inputs, outputs, kernel=3):
    """Weights of a convolution without bias, and the BatchNorm after it."""
    return inputs * outputs * kernel**2 + 2 * outputs


def resnet_size(widths, blocks, classes, channels):
    size, inputs = conv_bn(channels, widths[0]), widths[0]
    for width in widths:
        size += conv_bn(inputs, width) + (2 * blocks - 1) * conv_bn(width, width)
        size += conv_bn(inputs, width, 1) if inputs != width else 0
        inputs = width
    return size + inputs * classes + classes


def vgg16_size(classes, channels, side):
    widths = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    size = sum(conv_bn(a, b) for a, b in pairwise((channels, *widths)))
    linear = (512 * (side // 32) ** 2, 4096, 4096, classes)
    return size + sum((a + 1) * b for a, b in pairwise(linear))


def digits_size(classes, channels, side):
    convolutions = conv_bn(channels, 16) + conv_bn(16, 32) + conv_bn(32, 64)
    return convolutions + (64 * (side // 4) ** 2 + 1) * classes


@pytest.mark.parametrize(
    ("name", "shape", "classes", "expected", "about"),
    [
        ("resnet20", (3, 32, 32), 10, resnet_size((16, 32, 64), 3, 10, 3), 0.27e6),
        ("resnet18", (3, 32, 32), 10, resnet_size((64, 128, 256, 512), 2, 10, 3), 11.2e6),
        ("vgg16", (3, 32, 32), 10, vgg16_size(10, 3, 32), 33.6e6),
        ("vgg16", (1, 64, 64), 7, vgg16_size(7, 1, 64), 39.9e6),
        ("digits-cnn", (1, 8, 8), 10, digits_size(10, 1, 8), 25e3),
    ],
)
def test_parameters_and_output(name, shape, classes, expected, about):
    with torch.device("meta"):
        model = models.build(name, classes=classes, shape=shape)
        assert model.eval()(torch.empty(2, *shape)).shape == (2, classes)
    assert count(model) == expected
    assert expected == pytest.approx(about, rel=0.05)


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20"])
def test_the_seed_decides_the_weights(name, monkeypatch):
    # The streams of accelerators are the caller's.
    monkeypatch.setattr(torch.cuda, "manual_seed_all", Mock(side_effect=AssertionError))

    def weights(seed):
        model = models.build(name, classes=10, shape=(1, 8, 8), seed=seed)
        return torch.cat([parameter.flatten() for parameter in model.parameters()])

    state = torch.get_rng_state()
    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", models.names())
def test_every_model_has_a_relu_after_each_convolution_and_no_other_activation(name):
    with torch.device("meta"):
        model = models.build(name, classes=10, shape=(3, 32, 32))
    kinds = {type(module) for module in model.modules() if not list(module.children())}
    assert kinds <= {
        nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten,
        nn.Linear, nn.Dropout, nn.Sequential,
    }  # fmt: skip
    assert nn.ReLU in kinds


def test_a_resnets_shortcut_is_added():
    block = models.build("resnet20", classes=10, shape=(1, 8, 8)).eval().stages[0][0]
    with torch.no_grad():
        nn.init.zeros_(block.norm2.weight)  # the residual branch gives 0
        x = torch.randn(2, 16, 4, 4, generator=torch.Generator().manual_seed(0))
        assert torch.equal(block(x), torch.relu(x))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="unknown architecture 'alexnet'; known: digits-cnn, "):
        models.build("alexnet", classes=10, shape=(3, 32, 32))


@pytest.mark.parametrize("name", models.names())
def test_images_must_be_square(name):
    with pytest.raises(ConfigError, match=r"square images .* 32 x 64"):
        models.build(name, classes=10, shape=(3, 32, 64))


def test_vgg_halves_five_times():
    with pytest.raises(ConfigError, match="multiple of 32 for vgg16, got 48"):
        models.build("vgg16", classes=10, shape=(3, 48, 48))


@pytest.mark.parametrize("side", [1, 2, 3])
def test_digits_cnn_halves_twice(side):
    with pytest.raises(ConfigError, match=f"side is at least 4 for digits-cnn, got {side}"):
        models.build("digits-cnn", classes=10, shape=(1, side, side))
