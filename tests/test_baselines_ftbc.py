"""FTBC against a loop written by hand, and between backends, on grids where float32 is exact."""

import dataclasses

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
from resnoise_baselines.ftbc import FTBC, FTBCWithSNM, temporal_biases_
from tiny_job import tiny_data, tiny_job

from resnoise import backends
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import convert
from resnoise.datasets import LabelledImages, Split
from resnoise.errors import ConfigError, DataError
from resnoise.evaluation.calibration import calibrated_simulation
from resnoise.metrics import footprint

METHODS = [FTBC, FTBCWithSNM]
LEVELS = 4


class Neuron:
    """One neuron, plain or signed, as the equations have it."""

    def __init__(self, signed):
        self.v, self.m, self.signed = THETA / 2, 0, signed

    def spike(self, current):
        """The spike that this current would cause."""
        u = self.v + current
        if u >= THETA:
            return 1
        return -1 if self.signed and u <= -THETA and self.m > 0 else 0

    def step(self, current):
        s = self.spike(current)
        self.v += current - THETA * s
        self.m += s
        return THETA * s


def quantised(z):
    return THETA / LEVELS * np.floor(LEVELS * np.clip(z / THETA, 0, 1) + 0.5)


def biases_by_hand(layers, channels, images, timesteps, signed):
    """Layer after layer, step after step, neuron by neuron; [T, C] of what is added, a layer."""
    activation = images.double().flatten(1).numpy()
    inputs = np.repeat(activation[None], timesteps, 0)
    found = []
    for (w, b), count in zip(layers, channels, strict=True):
        activation = quantised(activation @ w.T + b)
        currents = inputs @ w.T + b
        bias = np.zeros((timesteps, count))
        size = len(b) // count  # elements of a channel, which are next to each other
        corrected = [[Neuron(signed) for _ in b] for _ in images]
        for t in range(timesteps):
            error = np.zeros((len(images), len(b)))
            for n in range(len(images)):
                for i in range(len(b)):
                    neuron, current = corrected[n][i], currents[t, n, i]
                    error[n, i] = THETA * neuron.spike(current) - activation[n, i]
                    neuron.step(current - error[n, i])
            bias[t] = -0.5 * error.mean(0).reshape(count, size).mean(1)
        neurons = [[Neuron(signed) for _ in b] for _ in images]
        inputs = np.array(
            [
                [
                    [
                        neurons[n][i].step(currents[t, n, i] + bias[t, i // size])
                        for i in range(len(b))
                    ]
                    for n in range(len(images))
                ]
                for t in range(timesteps)
            ]
        )
        found.append(bias)
    return found


@pytest.mark.parametrize(
    ("model", "layers", "shape", "channels"),
    [
        (fully_connected, layers_of, (6,), (16, 16)),
        (convolutional_of_powers_of_two, matrices_of, (2, 4, 4), (6, 4)),
    ],
)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", backends.available())
def test_equals_loop_by_hand(backend, method, model, layers, shape, channels):
    network = grid_network(model())
    images = grid_images(4, *shape)  # a mean over 4 stays on the grid
    simulation = method().simulation(network, backend)
    simulation.calibrate_(images, 5)
    signed = method is FTBCWithSNM
    expected = biases_by_hand(layers(network)[:-1], channels, images, 5, signed)
    for layer, bias in zip(simulation.network.spiking_layers.values(), expected, strict=True):
        assert np.abs(bias).max() > 0
        np.testing.assert_array_equal(layer.bias.numpy(), bias)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", [b for b in backends.available() if b != "reference"])
def test_backends_agree_to_the_bit(backend, method):
    network = grid_network(convolutional()).to(memory_format=torch.channels_last)
    images = grid_images(8, 2, 6, 6).contiguous(memory_format=torch.channels_last)
    found = []
    for name in ("reference", backend):
        simulation = method().simulation(network, name)
        simulation.calibrate_(images, 6)
        found.append(
            (simulation.network.model_state, simulation(grid_images(5, 2, 6, 6, seed=2), 6))
        )
    assert set(found[0][0]) == set(found[1][0]) >= {"1.bias", "3.bias"}
    for name, tensor in found[0][0].items():
        assert torch.equal(tensor, found[1][0][name]), name
    assert torch.equal(found[0][1], found[1][1])


def test_biases_of_fewer_steps_are_a_prefix():
    network, images = grid_network(convolutional()), grid_images(8, 2, 6, 6)
    long, short = (FTBC().simulation(network, "reference") for _ in range(2))
    long.calibrate_(images, 6)
    short.calibrate_(images, 2)
    for one, other in zip(
        long.network.spiking_layers.values(), short.network.spiking_layers.values(), strict=True
    ):
        assert torch.equal(one.bias[:2], other.bias)
    assert torch.equal(long(images, 6)[:2], short(images, 2))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_bias_is_a_current_of_each_step(layout):
    """In one go, and in stretches of time, for input that is constant and that is not."""
    network = grid_network(convolutional())
    images = grid_images(3, 2, 6, 6).contiguous(memory_format=layout)
    spiking, plain = convert(network), convert(network)
    generator = torch.Generator().manual_seed(0)
    bias = {
        name: torch.randint(-8, 9, (5, channels), generator=generator) / 4
        for name, channels in (("1", 6), ("3", 4))
    }
    spiking.set_bias_(bias)
    logits, end = spiking(images, 5)
    first, state = spiking(images, 2)
    second, state = spiking(images, 3, state)
    assert torch.equal(torch.cat([first, second]), logits)
    assert torch.equal(state[1].v, end[1].v)
    # The plain network gets the same from the biases of its convolutions, changed at every step.
    state = None
    for t in range(5):
        for weights, layer in (("0", "1"), ("2", "3")):
            plain.body.get_submodule(weights).bias.data.add_(bias[layer][t])
        now, state = plain(images, 1, state)
        assert torch.equal(now[0], logits[t])
        for weights, layer in (("0", "1"), ("2", "3")):
            plain.body.get_submodule(weights).bias.data.sub_(bias[layer][t])


def test_biases_count_as_parameters_of_the_steps_that_use_them():
    network = grid_network(convolutional())
    spiking = convert(network)
    before = footprint(spiking)
    temporal_biases_(spiking, network, grid_images(4, 2, 6, 6), 5)
    assert footprint(spiking, 2).parameters == before.parameters + 2 * (6 + 4)
    assert footprint(spiking).bytes == before.bytes + 4 * 5 * (6 + 4)


def test_what_is_not_calibrated_is_refused():
    network = grid_network(fully_connected())
    simulation = FTBC().simulation(network, "reference")
    with pytest.raises(ConfigError, match="has no biases yet; call its `calibrate_`"):
        simulation(grid_images(2, 6), 3)
    simulation.calibrate_(grid_images(4, 6), 3)
    with pytest.raises(ConfigError, match=r"at most 3 time steps, .* but got 4"):
        simulation(grid_images(2, 6), 4)
    with pytest.raises(ConfigError, match="`timesteps` to be an integer larger than 0, but got 0"):
        simulation.calibrate_(grid_images(4, 6), 0)
    with pytest.raises(DataError, match=r"at least one image, but got shape \(0, 6\)"):
        simulation.calibrate_(grid_images(4, 6)[:0], 3)
    with pytest.raises(DataError, match="finite"):
        simulation.calibrate_(grid_images(4, 6) / 0, 3)
    with pytest.raises(DataError, match="shape"):
        simulation.calibrate_(grid_images(4, 5), 3)
    simulation(grid_images(2, 6), 3)  # calibrated still


def test_half_a_calibration_is_none():
    network = grid_network(fully_connected())
    simulation = FTBC().simulation(network, "reference")
    simulation.calibrate_(grid_images(4, 6), 3)
    last = simulation.network.spiking_layers["3"]
    calls = iter(range(2))

    def interrupt(*_):
        if next(calls, None) is None:
            raise KeyboardInterrupt

    handle = last.register_forward_pre_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulation.calibrate_(grid_images(4, 6), 4)
    handle.remove()
    with pytest.raises(ConfigError, match="has no biases yet"):
        simulation(grid_images(2, 6), 1)


def test_biases_of_another_network_are_refused():
    spiking = convert(grid_network(convolutional()))
    bias = {"1": torch.zeros(2, 6), "3": torch.zeros(2, 4)}
    with pytest.raises(ConfigError, match="of the layers 1, 3, but got those of 1, 4; calibrate"):
        spiking.set_bias_({"1": bias["1"], "4": bias["3"]})
    for wrong, shape in ((torch.zeros(2), r"\[2\]"), ([[0.0] * 4] * 2, "list")):
        with pytest.raises(ConfigError, match=rf"\[steps, C\], but got {shape} for layer `3`"):
            spiking.set_bias_(bias | {"3": wrong})
    with pytest.raises(ConfigError, match="for the same number of time steps"):
        spiking.set_bias_(bias | {"3": torch.zeros(3, 4)})
    spiking.set_bias_({"3": bias["3"], "1": bias["1"]})  # a mapping has no order that counts
    spiking.set_bias_(bias | {"3": torch.zeros(2, 5)})
    with pytest.raises(ConfigError, match="biases of 4 channels, but got 5"):
        spiking(grid_images(2, 2, 6, 6), 2)


def ftbc_job(tested):
    """A job that tests on the images at `tested` of those that all splits pick from."""
    data = tiny_data()
    train = data.train
    labels = np.arange(len(train._pixels)) % 2
    images = LabelledImages(train._pixels, labels, data.classes, train._normalise)
    data = dataclasses.replace(data, test=Split(images, tested))
    return dataclasses.replace(tiny_job("qcfs"), method=FTBC(), data=data)


def test_training_images_calibrate_and_the_source_network_is_left_alone():
    job = ftbc_job(tiny_data().validation.positions)
    network = job.network().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    simulation = calibrated_simulation(job, network, "reference", 3)
    again = calibrated_simulation(job, network, "reference", 3)
    images = job.data.train.batch(range(len(job.data.train)))[0]  # fewer than FTBC asks for: all
    expected = convert(network)
    temporal_biases_(expected, network, images, 3)
    for one, other, hand in zip(
        simulation.network.spiking_layers.values(),
        again.network.spiking_layers.values(),
        expected.spiking_layers.values(),
        strict=True,
    ):
        assert torch.equal(one.bias, other.bias)
        assert torch.allclose(one.bias, hand.bias, atol=1e-5)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in simulation.network.modules())
    assert all(layer.noise == "never" for layer in activations(network).values())


def test_calibration_images_that_are_test_images_are_refused():
    job = ftbc_job(tiny_data().train.positions[:5])
    with pytest.raises(DataError, match="no test images, but 5 images of tiny are in both splits"):
        calibrated_simulation(job, job.network().eval(), "reference", 2)
