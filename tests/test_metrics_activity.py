"""The meter of spikes and operations: prefixes, batches, states, layouts, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from resnoise.errors import ConfigError
from resnoise.metrics import ActivityMeter
from resnoise.simulation.simulator import simulate
from tests.counted import images, measure, spiking, three_layers


def test_rate_balances_the_membrane():
    # θ · spikes = v(0) + Σ I − v(T), with v(0) = θ/2 and I constant
    network = spiking(nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(8, 2)), threshold=1.5)
    x, timesteps = images(5, 8), 7
    meter = ActivityMeter(network)
    with meter.counting():
        _, (state,) = network(x, timesteps=timesteps)
    spikes = (0.75 + timesteps * x - state.v) / 1.5
    rate = spikes.mean().item() / timesteps
    assert meter.activity(timesteps).firing_rate == pytest.approx(rate, rel=1e-5)


def test_fewer_steps_are_a_prefix():
    network = spiking(three_layers(), 0.7)
    x = images(2, 2, 8, 8)
    for steps in (1, 2, 5):
        assert measure(network, x, 5, steps) == measure(network, x, steps)


def test_batches_add_up():
    network = spiking(three_layers(), 0.7)
    x = images(5, 2, 8, 8)
    meter = ActivityMeter(network)
    with meter.counting():
        simulate(network, x[:2], 3)
        simulate(network, x[2:4], 3)
    simulate(network, x, 8)  # outside of the context: not counted
    with meter.counting():
        simulate(network, x[4:], 3)
    assert meter.activity(3) == measure(network, x, 3)


def test_calls_from_a_state_follow_each_other():
    network = spiking(three_layers(), 0.7)
    x = images(2, 2, 8, 8)
    meter = ActivityMeter(network)
    with meter.counting(), torch.inference_mode():
        _, state = network(x, 2)
        network(x, 3, state)
    assert meter.activity(5) == measure(network, x, 5)


def test_memory_layout_does_not_matter():
    network = spiking(three_layers(), 0.7)
    x = images(2, 2, 8, 8)
    plain = measure(network, x, 3)
    last = torch.channels_last
    assert measure(network.to(memory_format=last), x.to(memory_format=last), 3) == plain


def test_a_layer_may_be_called_by_keyword():
    class ByKeyword(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = three_layers()

        def forward(self, x):
            *before, classifier = self.layers
            for layer in before:
                x = layer(x)
            return classifier(input=x)

    x = images(2, 2, 8, 8)
    by_keyword = measure(spiking(ByKeyword(), 0.7), x, 3)
    plain = measure(spiking(three_layers(), 0.7), x, 3)
    assert by_keyword._replace(firing_rates={}) == plain._replace(firing_rates={})


def test_counting_leaves_no_hooks():
    network = spiking(three_layers())
    measure(network, images(2, 2, 8, 8), 1)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_what_cannot_be_measured_is_refused():
    network = spiking(three_layers())
    x = images(4, 2, 8, 8)
    meter = ActivityMeter(network)
    with pytest.raises(ConfigError, match="simulations within"):
        meter.activity(1)
    with meter.counting():
        _, state = network(x, 1)
        with pytest.raises(ConfigError, match="same 4 images, but got 3"):
            network(x[:3], 1, state)
        network(x, 1, state)
    for steps in (0, 3):
        with pytest.raises(ConfigError, match=rf"in 1\.\.2, .* but got {steps}"):
            meter.activity(steps)
    with pytest.raises(ConfigError, match="2 time steps as before, but got 1"), meter.counting():
        simulate(network, x, 1)
    with pytest.raises(ConfigError, match=r"shape \(2, 8, 8\) as before"), meter.counting():
        network(images(4, 2, 16, 16), 2)
    assert meter.activity(2) == measure(network, x, 2)  # what was refused is not in it
