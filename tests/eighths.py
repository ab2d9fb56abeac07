"""Source networks with weights in eighths, on which float32 sums do not depend on their order."""

from __future__ import annotations

import numpy as np
import torch
from resnoise_baselines.qcfs import QCFS
from torch import fx, nn

from resnoise.config.recipe import ActivationConfig, Recipe

THETA = 4.0
RECIPE = Recipe(activation=ActivationConfig(levels=4, threshold=THETA))


@torch.no_grad()
def grid_network(model, seed=0):
    """QCFS source network with weights in eighths, on which sums do not depend on their order."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.copy_(torch.randint(-8, 9, parameter.shape, generator=generator) / 8)
    return QCFS().network(model, "qcfs", RECIPE).eval()


def fully_connected(hidden=2):
    between = [layer for _ in range(hidden - 1) for layer in (nn.Linear(16, 16), nn.ReLU())]
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), *between, nn.Linear(16, 3))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


def convolutional_of_powers_of_two():
    """For images [2, 4, 4]: feature maps of 16 and of 4 elements, whose means stay on the grid."""
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


def grid_images(*shape, seed=1):
    return torch.randint(-4, 9, shape, generator=torch.Generator().manual_seed(seed)) / 4


def layers_of(network: fx.GraphModule) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and bias of every layer of a fully connected network, in float64."""
    weights = [p.detach().double().numpy() for p in network.parameters() if p.dim()]
    return list(zip(weights[::2], weights[1::2], strict=True))


def matrices_of(network: fx.GraphModule) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same of a network of `convolutional_of_powers_of_two`, as if it were fully connected."""
    (first, b1), (second, b2), classifier = layers_of(network)
    first, second = _matrix(first, side=4, padding=1), _matrix(second, side=4, padding=0)
    return [(first, b1.repeat(16)), (second, b2.repeat(4)), classifier]


def _matrix(weight: np.ndarray, side: int, padding: int) -> np.ndarray:
    """A convolution [O, I, k, k] of images of this side, from all their elements to all outputs."""
    outputs, inputs, kernel, _ = weight.shape
    width = side + 2 * padding - kernel + 1
    matrix = np.zeros((outputs, width, width, inputs, side, side))
    for y, x, dy, dx in np.ndindex(width, width, kernel, kernel):
        row, column = y + dy - padding, x + dx - padding
        if 0 <= row < side and 0 <= column < side:
            matrix[:, y, x, :, row, column] = weight[:, :, dy, dx]
    return matrix.reshape(outputs * width**2, inputs * side**2)
