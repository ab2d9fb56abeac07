"""Integers of NumPy, which loops over `np.arange` give, where integers are expected."""

import numpy as np
import pytest
import torch
from networks import images, plain, source

from resnoise.config import ActivationConfig, Recipe
from resnoise.conversion.converter import convert
from resnoise.datasets import load
from resnoise.errors import ConfigError
from resnoise.simulation.simulator import simulate


def test_settings_become_pythons_own_numbers():
    recipe = Recipe(epochs=np.int64(2), learning_rate=np.float32(0.5))
    assert recipe == Recipe(epochs=2, learning_rate=0.5)
    assert type(recipe.epochs) is int
    assert type(recipe.learning_rate) is float
    assert ActivationConfig(levels=np.uint8(8)) == ActivationConfig(levels=8)


@pytest.mark.parametrize("value", [np.int64(0), np.float64(2.0), np.bool_(True), np.array([2, 3])])
def test_what_is_no_integer_is_refused_in_one_line(value):
    with pytest.raises(ConfigError, match="expected argument `epochs` to be an integer") as told:
        Recipe(epochs=value)
    assert "\n" not in str(told.value)


def test_time_steps_and_seeds():
    network, x = convert(source(plain())), images(2, 2, 4, 4)
    assert torch.equal(simulate(network, x, np.int64(3)), simulate(network, x, 3))
    first, second = load("digits", seed=np.int64(3)), load("digits", seed=3)
    assert np.array_equal(first.validation.positions, second.validation.positions)
    with pytest.raises(ConfigError, match="`seed`"):
        load("digits", seed=np.int64(-1))
