"""COS against a loop written by hand, and between backends, on grids where float32 is exact."""

import numpy as np
import pytest
import torch
from eighths import (
    THETA,
    convolutional,
    convolutional_of_powers_of_two,
    fully_connected,
    grid_images,
    grid_network,
    layers_of,
    matrices_of,
)
from resnoise_baselines.cos import COS, FromCalibratedStart, calibrated_start

from resnoise import backends
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError

RHO = 4


def start_by_hand(currents, theta):
    """v(0) of one neuron from its first currents, as the paper's text has it."""
    v, low, high, fired = theta / 2, None, None, 0
    for current in currents:
        v += current
        if v >= theta:
            low = v if low is None else min(low, v)
            v -= theta
            fired += 1
        else:
            high = v if high is None else max(high, v)
    if v < 0 and fired:
        return theta / 2 - max(theta, low - 0.999 * theta)
    if v >= theta:
        return theta / 2 + max(theta, 1.001 * theta - (-1000 * theta if high is None else high))
    return theta / 2


def cos_by_hand(layers, images, timesteps):
    """Layer after layer, image by image, in float64: logits, and how many v(0) were shifted."""
    *hidden, (w_out, b_out) = layers
    logits = np.zeros((timesteps, len(images), len(b_out)))
    shifted = {"down": 0, "up": 0}
    for n, image in enumerate(images.double().flatten(1).numpy()):
        steps = [image] * max(RHO, timesteps)
        for w, b in hidden:
            currents = [w @ x + b for x in steps]
            v = np.array(
                [start_by_hand([c[i] for c in currents[:RHO]], THETA) for i in range(len(b))]
            )
            shifted["down"] += (v < THETA / 2).sum()
            shifted["up"] += (v > THETA / 2).sum()
            steps = []
            for current in currents:
                v += current
                spikes = v >= THETA
                v -= THETA * spikes
                steps.append(THETA * spikes)
        for t in range(timesteps):
            logits[t, n] = w_out @ steps[t] + b_out
    return logits, shifted


@pytest.mark.parametrize(
    ("model", "layers", "shape"),
    [
        (fully_connected, layers_of, (6,)),
        (convolutional_of_powers_of_two, matrices_of, (2, 4, 4)),
    ],
)
@pytest.mark.parametrize("timesteps", [1, 4, 9])
@pytest.mark.parametrize("backend", backends.available())
def test_equals_loop_by_hand(backend, timesteps, model, layers, shape):
    network = grid_network(model())
    images = grid_images(9, *shape)
    expected, shifted = cos_by_hand(layers(network), images, timesteps)
    assert min(shifted.values()) > 0, "the case has to have shifts either way"
    simulation = COS().simulation(network, backend)
    np.testing.assert_array_equal(simulation(images, timesteps).numpy(), expected)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("backend", [b for b in backends.available() if b != "reference"])
def test_backends_agree_to_the_bit(backend, layout):
    network = grid_network(convolutional()).to(memory_format=layout)
    images = grid_images(5, 2, 6, 6).contiguous(memory_format=layout)
    calls = []
    for name in ("reference", backend):
        simulation = COS().simulation(network, name)
        simulation.network.register_forward_hook(lambda module, args, output: calls.append(output))
        simulation(images, RHO)
    (logits, end), (logits_, end_) = calls
    assert torch.equal(logits, logits_)
    for state, state_ in zip(end, end_, strict=True):
        assert torch.equal(state.v, state_.v)


def test_fewer_steps_are_a_prefix_and_portions_change_nothing(monkeypatch):
    network, images = grid_network(convolutional()), grid_images(7, 2, 6, 6)
    simulation = COS().simulation(network, "reference")
    whole = simulation(images, 20)
    for timesteps in (1, 3, 4, 5):
        assert torch.equal(simulation(images, timesteps), whole[:timesteps])
    from resnoise.simulation import batching

    few = batching.Limits(image_steps=2, bytes=2**20, stretch=1)
    monkeypatch.setattr(batching, "CPU", few)
    assert torch.equal(simulation(images, 20), whole)


@pytest.mark.parametrize(
    ("currents", "expected"),
    [
        ([1.0, 0, 0, 0], 0.5),  # one spike, nothing left over
        ([0.5, 0, 0, -0.75], 0.5 - 1),  # low = 1: one spike too many, θ takes it away
        ([2.5, -3, 0, 0], 0.5 - 2.001),  # low = 3: θ would not be enough
        ([0, 0, 0, 2.0], 0.5 + 1),  # high = 0.5: one too few
        ([-3.0, 0, 0, 4.5], 0.5 + 1.001 + 2.5),  # high = −2.5
        ([3.0, 1, 1, 1], 0.5 + 1001.001),  # always fired
        ([-1.0, 0, 0, 0], 0.5),  # negative, but never fired
    ],
)
@pytest.mark.parametrize("backend", backends.available())
def test_the_shift_of_one_neuron(backend, currents, expected):
    theta = torch.tensor(1.0)
    assert start_by_hand(currents, 1.0) == pytest.approx(expected)
    neurons = backends.get(backend).integrate_and_fire(theta, None)
    state = calibrated_start(neurons, torch.tensor(currents).unsqueeze(1), theta, RHO)
    assert state.v.item() == pytest.approx(expected, rel=1e-6)


def test_a_calibration_needs_all_its_steps():
    spiking = convert(grid_network(fully_connected()))

    def start(*given):
        return calibrated_start(*given, calibration_steps=RHO)

    with pytest.raises(ConfigError, match=r"of 4 time steps or more, .* but got 3"):
        spiking(grid_images(2, 6), 3, (start,) * len(spiking.layers))


def test_what_it_spends():
    spent = FromCalibratedStart(convert(grid_network(fully_connected())), RHO).spent(2)
    assert spent == (2, RHO)


@pytest.mark.parametrize("timesteps", [0, -1, 2.0, True])
def test_time_steps_are_a_positive_integer(timesteps):
    simulation = COS().simulation(grid_network(fully_connected()), "reference")
    with pytest.raises(ConfigError, match="`timesteps` to be an integer larger than 0, but got"):
        simulation(grid_images(2, 6), timesteps)
