"""What the network without spikes takes, against PyTorch's own count of its operations."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from resnoise.metrics import ann_macs, energy_nj
from tests.counted import images, measure, spiking


def test_a_pass_of_the_ann_is_what_pytorch_counts():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3),  # before the first spike: once an image
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Conv2d(6, 6, 1, groups=2),  # reads no spikes: MACs at every step
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 3),
    )
    x = images(1, 2, 8, 8)
    with FlopCounterMode(display=False) as counter:
        model(x)
    macs = counter.get_total_flops() // 2  # a multiplication and an addition

    network = spiking(model)
    dense = {steps: measure(network, x, steps).synops_dense for steps in (1, 2, 4, 5)}
    assert ann_macs({1: dense[1]}) == macs
    for first, second in combinations(dense, 2):
        assert ann_macs({first: dense[first], second: dense[second]}) == macs


def test_one_length_alone_tells_nothing_but_of_one_step():
    assert ann_macs({4: 100.0}) is None
    assert ann_macs({1: 100.0}) == 100


def test_energy_at_45_nm():
    assert energy_nj(1000) == pytest.approx(4.6)
    assert energy_nj(1000, 2000) == pytest.approx(4.6 + 1.8)
