"""Signed neurons against a loop written by hand, and between backends, where float32 is exact."""

import numpy as np
import pytest
import torch
from eighths import THETA, convolutional, fully_connected, grid_images, grid_network, layers_of
from resnoise_baselines.snm import SNM, SignedIF

from resnoise import backends
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError
from resnoise.simulation.neuron import IFState, if_step

METHODS = [SNM, SignedIF]


def by_hand(network, images, timesteps, ratio):
    """Neuron by neuron as the paper's equations have it, in float64: logits, negative spikes."""
    layers = layers_of(network)
    logits = np.zeros((timesteps, len(images), len(layers[-1][1])))
    negative = np.zeros(len(layers) - 1)
    for n, image in enumerate(images.double().numpy()):
        v = [np.full(len(b), THETA / 2) for _, b in layers[:-1]]
        m = [np.zeros(len(b)) for _, b in layers[:-1]]
        for t in range(timesteps):
            x = image
            for layer, (w, b) in enumerate(layers[:-1]):
                current = w @ x + b
                x = np.zeros(len(b))
                for i in range(len(b)):
                    v[layer][i] += current[i]
                    spike = 0
                    if v[layer][i] >= THETA:
                        spike = 1
                    elif v[layer][i] <= ratio * THETA and m[layer][i] > 0:
                        spike = -1
                        negative[layer] += 1
                    v[layer][i] -= spike * THETA
                    m[layer][i] += spike
                    x[i] = spike * THETA
            logits[t, n] = layers[-1][0] @ x + layers[-1][1]
    return logits, negative


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", backends.available())
def test_equals_loop_by_hand(backend, method):
    network = grid_network(fully_connected())
    images = grid_images(8, 6)
    expected, negative = by_hand(network, images, 9, method.negative_threshold)
    assert negative[1] > 0, "the case has to have negative spikes"
    got = method().simulation(network, backend)(images, 9)
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", [b for b in backends.available() if b != "reference"])
def test_backends_agree_to_the_bit(backend, method):
    network = grid_network(convolutional()).to(memory_format=torch.channels_last)
    images = grid_images(5, 2, 6, 6).contiguous(memory_format=torch.channels_last)
    ends = []
    for name in ("reference", backend):
        spiking = method().simulation(network, name).network
        first, state = spiking(images, 3)
        second, state = spiking(images, 4, state)  # m is part of the state
        assert torch.equal(torch.cat([first, second]), spiking(images, 7)[0])
        ends.append((first, second, state))
    assert torch.equal(ends[0][0], ends[1][0])
    assert torch.equal(ends[0][1], ends[1][1])
    for one, other in zip(ends[0][2], ends[1][2], strict=True):
        assert torch.equal(one.v, other.v)
        assert torch.equal(one.sent, other.sent)
        assert one.steps == other.steps == 7


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("backend", backends.available())
def test_a_layer_of_signed_neurons_is_the_reference_semantics(backend, gated):
    generator = torch.Generator().manual_seed(0)
    currents = torch.randn(12, 3, 7, generator=generator)
    gate = (torch.rand(3, 7, generator=generator) < 0.7).float() if gated else None
    threshold, state = torch.tensor(0.7), IFState(torch.full((3, 7), 0.35), gate)
    neurons = backends.get(backend).integrate_and_fire(threshold, -0.5)
    got, end = neurons(currents, state)
    expected = []
    for current in currents:
        spikes, state = if_step(current, state, threshold, -0.5 * threshold)
        expected.append(spikes)
    assert torch.equal(got, torch.stack(expected))
    assert set(got.unique().tolist()) == {-1, 0, 1}
    assert torch.equal(end.v, state.v)
    assert torch.equal(end.sent, state.sent)
    assert torch.equal(end.sent, got.sum(0))
    assert end.sent.min() >= 0, "no more is taken back than was sent"


def test_what_is_taken_back_needs_to_have_been_sent():
    neurons = backends.get("reference").integrate_and_fire(torch.tensor(1.0), -0.5)
    currents = torch.tensor([-2.0, 3.0, 0.0, -3.0, 0.0, 0.0]).unsqueeze(1)
    spikes, state = neurons(currents, None)
    # v: 0.5 → −1.5 | 1.5 → 0.5 | 0.5 | −2.5 → −1.5 | −1.5, all is taken back | −1.5
    assert spikes.flatten().tolist() == [0, 1, 0, -1, 0, 0]
    assert (state.v.item(), state.sent.item()) == (-1.5, 0)


@pytest.mark.parametrize("threshold", [0.001, 0, 1, "-1", float("nan")])
def test_a_negative_threshold_is_negative(threshold):
    with pytest.raises(ConfigError, match="`negative_threshold` to be a number smaller than 0"):
        convert(grid_network(fully_connected()), negative_threshold=threshold)
