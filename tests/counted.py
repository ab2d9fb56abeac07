"""What the tests of spike counts and operations share."""

from __future__ import annotations

import torch
from torch import nn

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.metrics import ActivityMeter
from resnoise.simulation.simulator import simulate


def spiking(model, threshold=1.0, backend="reference"):
    return convert(prepare(model, ActivationConfig(threshold=threshold)), backend)


def images(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2


def measure(network, x, timesteps, steps=None):
    meter = ActivityMeter(network)
    with meter.counting():
        simulate(network, x, timesteps)
    return meter.activity(steps or timesteps)


def three_layers():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 3),
    )
    with torch.no_grad():
        model[2].weight[:, :, 0, 0] = 0  # pruned: dense operations, but not effective ones
        model[2].weight *= 4
    return model
