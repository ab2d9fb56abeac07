"""Simulation from rest, and what is predicted after every number of steps."""

import numpy as np
import pytest
import torch
from networks import images, plain, source

from resnoise import methods
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError, DataError
from resnoise.simulation.simulator import FromRest, predictions, simulate


def test_logits_of_every_step():
    network = convert(source(plain()))
    logits = simulate(network, images(5, 2, 4, 4), 7)
    assert logits.shape == (7, 5, 3)
    assert not logits.requires_grad


def test_steps_of_a_short_run_begin_a_long_one():
    network = convert(source(plain()).double())
    x = images(5, 2, 4, 4).double()
    assert torch.allclose(simulate(network, x, 3), simulate(network, x, 8)[:3], atol=1e-12)


def test_nothing_is_kept_between_runs():
    simulation = FromRest(convert(source(plain())))
    x = images(5, 2, 4, 4)
    assert torch.equal(simulation(x, 4), simulation(x, 4))


def test_images_do_not_influence_each_other():
    network = convert(source(plain()).double())
    x = images(4, 2, 4, 4).double()
    alone = torch.cat([simulate(network, x[i : i + 1], 4) for i in range(4)], dim=1)
    assert torch.allclose(simulate(network, x, 4), alone, atol=1e-12)


def test_prediction_at_t_is_that_of_the_mean_over_steps_1_to_t():
    logits = images(6, 50, 10, seed=4)
    expected = [
        np.argmax(logits[: t + 1].double().numpy().mean(0), axis=-1) for t in range(len(logits))
    ]
    got = predictions(logits)
    assert got.shape == (6, 50)
    assert np.array_equal(got.numpy(), np.stack(expected))
    assert not np.array_equal(got.numpy(), logits.argmax(-1).numpy())


def test_there_must_be_images():
    network = convert(source(plain()))
    with pytest.raises(ConfigError, match=r"at least one image, but got shape \(0, 2, 4, 4\)"):
        simulate(network, images(0, 2, 4, 4), 2)


@pytest.mark.parametrize("method", ["nq", "srp"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (images(5, 3, 4, 4), r"but got \[5, 3, 4, 4\]: .*channels"),
        (images(5, 2, 4, 4)[0], r"but got \[2, 4, 4\]: "),
        (images(5, 2, 4, 4).to(torch.uint8), "floating-point numbers, but got torch.uint8"),
        (images(5, 2, 4, 4) / torch.tensor(0.0), "finite numbers"),
        (images(5, 2, 4, 4) * torch.tensor(float("nan")), "finite numbers"),
    ],
)
def test_images_that_the_network_does_not_take_are_named(method, wrong, message):
    simulation = methods.get(method).simulation(source(plain()), "reference")
    with pytest.raises(DataError, match=message):
        simulation(wrong, 2)


@pytest.mark.parametrize("method", ["nq", "srp"])
def test_a_network_in_training_mode_is_refused(method):
    simulation = methods.get(method).simulation(source(plain()), "reference")
    simulation.network.train()
    with pytest.raises(ConfigError, match=r"evaluation mode, .*call its `eval\(\)`"):
        simulation(images(1, 2, 4, 4), 2)


def test_timesteps_are_checked():
    with pytest.raises(ConfigError, match="`timesteps`"):
        simulate(convert(source(plain())), images(1, 2, 4, 4), 0)
