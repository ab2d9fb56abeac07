"""A network whose arithmetic float32 does without rounding, so that every machine agrees on it.

Weights are 0 and ±1/2, biases and inputs eighths, thresholds 1: all that is added up is a small
multiple of a power of two, whatever the order. Membranes meet the threshold exactly all the time,
which is where a strict comparison and a threshold that is off show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from resnoise.check.public import public

if TYPE_CHECKING:
    from torch import fx

ARCHITECTURE = "digits-cnn"
SHAPE = (1, 8, 8)
_INPUTS_A_NEURON = 4


@torch.no_grad()
def grid_network(seed: int = 0) -> fx.GraphModule:
    """A source network of the suite with its weights on the grid."""
    from resnoise import models, prepare

    network = prepare(models.build(ARCHITECTURE, classes=10, shape=SHAPE)).eval()
    generator = torch.Generator().manual_seed(seed)

    def eighths(like: Tensor, low: int, high: int) -> Tensor:
        return torch.randint(low, high, like.shape, generator=generator) / 8

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.zero_()
            for row in module.weight.flatten(1):
                chosen = torch.randperm(len(row), generator=generator)[:_INPUTS_A_NEURON]
                row[chosen] = torch.tensor([0.5, 0.5, 0.5, -0.5])[: len(chosen)]
            if module.bias is not None:
                module.bias.copy_(eighths(module.bias, -2, 3))
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)  # its fold multiplies by 1 and no more
            module.bias.copy_(eighths(module.bias, 0, 3))
    for layer in public("activations")(network).values():
        layer.set_threshold_(1.0)
    return network


def grid_images(count: int, seed: int = 0) -> Tensor:
    """Images of multiples of 1/8, tensor of shape `[count, 1, 8, 8]`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-8, 17, (count, *SHAPE), generator=generator) / 8
