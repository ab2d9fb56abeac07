"""SRP against a loop written by hand, and between backends, on grids where float32 is exact."""

import numpy as np
import pytest
import torch
from eighths import THETA, convolutional, fully_connected, grid_images, grid_network, layers_of
from resnoise_baselines.srp import SRP, gated_start

from resnoise import backends
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError
from resnoise.simulation.neuron import IFState


def srp_by_hand(network, images, presimulation_steps, timesteps):
    """SRP neuron by neuron as the paper's text has it, in float64; logits and gates a layer."""
    layers = layers_of(network)
    hidden = [len(b) for _, b in layers[:-1]]
    logits = np.zeros((timesteps, len(images), len(layers[-1][1])))
    gates = [np.ones((len(images), width)) for width in hidden]
    for n, image in enumerate(images.double().numpy()):
        v = [np.full(width, THETA / 2) for width in hidden]
        for t in range(presimulation_steps + timesteps):
            if t == presimulation_steps:
                for layer, width in enumerate(hidden):
                    for i in range(width):
                        gates[layer][n, i] = v[layer][i] > 1e-3 * THETA
                        v[layer][i] = THETA / 2
            x = image
            for layer, (w, b) in enumerate(layers[:-1]):
                current = w @ x + b
                x = np.zeros(hidden[layer])
                for i in range(hidden[layer]):
                    v[layer][i] += current[i]
                    if v[layer][i] >= THETA and gates[layer][n, i]:
                        v[layer][i] -= THETA
                        x[i] = THETA
            if t >= presimulation_steps:
                logits[t - presimulation_steps, n] = layers[-1][0] @ x + layers[-1][1]
    return logits, gates


@pytest.mark.parametrize("backend", backends.available())
def test_equals_loop_by_hand(backend):
    network = grid_network(fully_connected())
    images = grid_images(5, 6)
    expected, gates = srp_by_hand(network, images, presimulation_steps=4, timesteps=6)
    got = SRP().simulation(network, backend)(images, 6)
    assert all(0 < gate.mean() < 1 for gate in gates), "the case has to have both kinds of neurons"
    np.testing.assert_array_equal(got.numpy(), expected)


def two_phases(network, backend, images):
    """Logits, states after the first and states after the second phase."""
    simulation = SRP().simulation(network, backend)
    calls = []
    simulation.network.register_forward_hook(lambda module, args, output: calls.append(output))
    simulation(images, 6)
    (_, residual), (logits, end) = calls
    return logits, residual, end


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("backend", [b for b in backends.available() if b != "reference"])
def test_backends_agree_to_the_bit(backend, layout):
    network = grid_network(convolutional()).to(memory_format=layout)
    images = grid_images(5, 2, 6, 6).contiguous(memory_format=layout)
    first_current = network.get_submodule("0")(images)
    assert (first_current == THETA / 2).any(), "the case has to have ties at v = θ"

    logits, residual, end = two_phases(network, "reference", images)
    logits_, residual_, end_ = two_phases(network, backend, images)
    assert torch.equal(logits, logits_)
    for state, state_ in zip(residual + end, residual_ + end_, strict=True):
        assert torch.equal(state.v, state_.v)
    for state, state_ in zip(end, end_, strict=True):
        assert torch.equal(state.gate, state_.gate)


@pytest.mark.parametrize("backend", backends.available())
def test_gated_neurons_are_silent(backend):
    spiking = convert(grid_network(fully_connected()), backend)
    images = grid_images(5, 6)
    _, rest = spiking(images, 4)
    closed = tuple(IFState(torch.full_like(s.v, THETA / 2), torch.zeros_like(s.v)) for s in rest)
    logits, state = spiking(images, 6, closed)
    bias = spiking.body.get_submodule("4").bias
    assert torch.equal(logits, bias.expand_as(logits))
    # Nothing is reset, so the first layer just adds up what its constant input brings.
    current = spiking.body.get_submodule("0")(images)
    assert torch.equal(state[0].v, THETA / 2 + 6 * current)


def test_gate_is_open_above_the_tolerance():
    v = torch.tensor([-1.0, 0.0, 0.00399, 0.00401, 3.0])
    start = gated_start(IFState(v), torch.tensor(THETA))
    assert start.gate.tolist() == [0, 0, 0, 1, 1]
    assert start.v.tolist() == [THETA / 2] * 5


@pytest.mark.parametrize("timesteps", [0, -1, 2.0, True])
def test_time_steps_are_a_positive_integer(timesteps):
    simulation = SRP().simulation(grid_network(fully_connected()), "reference")
    with pytest.raises(ConfigError, match="`timesteps` to be an integer larger than 0, but got"):
        simulation(grid_images(2, 6), timesteps)
