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

IMAGES, WIDTH, CLASSES = 8, 16, 3
RHO = 4


def measured(method, timesteps, hidden=2):
    """The network's spikes, layer by layer, and what its cost is said to be."""
    network = grid_network(fully_connected(hidden))
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
    steps = [s.numpy().reshape(-1, IMAGES, WIDTH) for s in spikes]
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
    assert activity.firing_rate == pytest.approx(fired / (8 * IMAGES * 2 * WIDTH))
    assert meter.neurons == 2 * WIDTH


def meter_first_layer(network):
    """Effective operations of the analogue layer, once an image."""
    (w, _) = layers_of(network)[0]
    images = grid_images(IMAGES, 6).numpy()
    return ((images != 0) @ (w != 0).sum(0)).sum() / IMAGES


@pytest.mark.parametrize("hidden", [1, 2, 4])
@pytest.mark.parametrize("timesteps", [1, 3, 4, 6])
def test_a_calibration_layer_after_layer(hidden, timesteps):
    network, steps, meter, simulation = measured(COS, timesteps, hidden)
    assert len(steps[0]) == max(RHO, timesteps)
    reading = weights_that_read(network)
    weights = [WIDTH * WIDTH] * (hidden - 1) + [WIDTH * CLASSES]
    acs, applications = np.zeros(IMAGES), 0

    def send(sender, first, last):
        """What the layer after the sender adds up."""
        nonlocal applications
        acs[:] += steps[sender][first:last].sum(0) @ reading[sender]
        applications += (last - first) * weights[sender]

    # Nothing that spikes comes before the first layer of neurons. Another calibrates itself on what
    # the one before it sends, and is sent that again, now to calibrate the next, which the last
    # layer is spared. The classifier has no neurons.
    for sender in range(hidden - 1):
        send(sender, 0, RHO)
        send(sender, 0, timesteps if sender == hidden - 2 else max(RHO, timesteps))
    send(hidden - 1, 0, timesteps)

    activity = meter.activity(*simulation.spent(timesteps))
    macs = 6 * WIDTH
    assert activity.acs == pytest.approx(acs.mean())
    assert activity.macs == macs
    assert activity.energy_nj == pytest.approx(energy_nj(macs, acs.mean()))
    assert activity.synops_effective == pytest.approx(acs.mean() + meter_first_layer(network))
    assert activity.synops_dense == macs + applications
    assert meter.ann_macs == macs + sum(weights)
    fired = sum(s[:timesteps].sum() for s in steps)
    assert activity.firing_rate == pytest.approx(fired / (timesteps * IMAGES * hidden * WIDTH))


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
