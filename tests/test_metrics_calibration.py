"""Costs of signed spikes and of a calibration, counted by hand on a network of three layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from eighths import THETA, fully_connected, grid_images, grid_network, layers_of
from resnoise_baselines.cos import COS
from resnoise_baselines.snm import SignedIF
from resnoise_baselines.srp import SRP
from torch import nn

from resnoise.errors import ConfigError
from resnoise.metrics import ActivityMeter, energy_nj
from resnoise.simulation.simulator import simulate
from tests.counted import measure, spiking

IMAGES, WIDTHS, CLASSES = 8, (16, 16), 3
RHO = 4


def measured(method, timesteps):
    """The network's currents, layer by layer, and what its cost is said to be."""
    network = grid_network(fully_connected())
    simulation = method().simulation(network, "reference")
    outputs = {name: [] for name in simulation.network.layers}
    handles = [
        layer.register_forward_hook(lambda m, i, o, n=name: outputs[n].append(o[0]))
        for name, layer in simulation.network.spiking_layers.items()
    ]
    meter = ActivityMeter(simulation.network)
    with meter.counting():
        simulation(grid_images(IMAGES, 6), timesteps)
    for handle in handles:
        handle.remove()
    # The layers also run once for one image, for the size of what they put out.
    spikes = [torch.cat([o for o in outs if len(o) > 1]) / THETA for outs in outputs.values()]
    steps = [s.numpy().reshape(-1, IMAGES, width) for s, width in zip(spikes, WIDTHS, strict=True)]
    return network, steps, meter, simulation


def weights_that_read(network):
    """How many weights other than 0 read each neuron of a layer, in the layer after it."""
    return [(w != 0).sum(0) for w, _ in layers_of(network)[1:]]


def test_a_negative_spike_costs_what_a_positive_one_does():
    network, steps, meter, simulation = measured(SignedIF, 8)
    assert all((s == -1).any() for s in steps[1:])
    fan_out = weights_that_read(network)
    acs = sum(np.abs(s).sum((0, 1)) @ f for s, f in zip(steps, fan_out, strict=True)) / IMAGES
    activity = meter.activity(*simulation.spent(8))
    assert activity.acs == pytest.approx(acs)
    assert activity.synops_effective == pytest.approx(acs + meter_first_layer(network))
    fired = sum(np.abs(s).sum() for s in steps)
    assert activity.firing_rate == pytest.approx(fired / (8 * IMAGES * sum(WIDTHS)))
    assert meter.neurons == sum(WIDTHS)


def meter_first_layer(network):
    """Effective operations of the analogue layer, once an image."""
    (w, _) = layers_of(network)[0]
    images = grid_images(IMAGES, 6).numpy()
    return ((images != 0) @ (w != 0).sum(0)).sum() / IMAGES


@pytest.mark.parametrize("timesteps", [1, 3, 4, 6])
def test_a_calibration_layer_after_layer(timesteps):
    network, steps, meter, simulation = measured(COS, timesteps)
    assert len(steps[0]) == max(RHO, timesteps)
    first, second = weights_that_read(network)
    acs = 0
    for n in range(IMAGES):
        # The second layer calibrates itself on ρ steps of the first, which sends them for that.
        # Nothing comes before the first layer that spikes, and the classifier has no neurons.
        for t in range(RHO):
            acs += steps[0][t, n] @ first
        for t in range(timesteps):
            acs += steps[0][t, n] @ first + steps[1][t, n] @ second
    activity = meter.activity(*simulation.spent(timesteps))
    macs = 6 * 16
    assert activity.acs == pytest.approx(acs / IMAGES)
    assert activity.macs == macs
    assert activity.energy_nj == pytest.approx(energy_nj(macs, acs / IMAGES))
    dense = macs + RHO * 16 * 16 + timesteps * (16 * 16 + 16 * 3)
    assert activity.synops_dense == dense
    assert activity.synops_effective == pytest.approx(acs / IMAGES + meter_first_layer(network))
    assert meter.ann_macs == macs + 16 * 16 + 16 * 3
    fired = sum(s[:timesteps].sum() for s in steps)
    assert activity.firing_rate == pytest.approx(fired / (timesteps * IMAGES * sum(WIDTHS)))


def test_a_first_phase_costs_all_of_its_steps():
    network, steps, meter, simulation = measured(SRP, 3)
    fan_out = weights_that_read(network)
    acs = sum(s.sum((0, 1)) @ f for s, f in zip(steps, fan_out, strict=True)) / IMAGES
    assert simulation.spent(3) == (4 + 3, 0)
    assert meter.activity(7).acs == pytest.approx(acs)


def test_without_a_calibration_nothing_changes_and_too_long_a_one_is_refused():
    network = spiking(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)))
    x = grid_images(3, 6)
    meter = ActivityMeter(network)
    with meter.counting():
        simulate(network, x, 3)
    assert meter.activity(3, 0) == measure(network, x, 3)
    # One hidden layer sends to the classifier alone: its calibration receives nothing that spikes.
    assert meter.activity(3, 2).acs == meter.activity(3).acs
    for calibration in (-1, 4):
        with pytest.raises(ConfigError, match=rf"`calibration` .* in 0\.\.3, .* got {calibration}"):
            meter.activity(3, calibration)
