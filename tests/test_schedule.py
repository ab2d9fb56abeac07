"""The learning rate and the size of the noise over a training."""

import math

import pytest

from resnoise.config.recipe import Extensions, Recipe
from resnoise.training.schedule import learning_rate, noise_ramp


@pytest.mark.parametrize("epoch", [0.0, 0.25, 1.0, 1.99, 2.0, 3.5, 6.0, 9.9])
def test_learning_rate_is_a_cosine_after_a_linear_warm_up(epoch):
    recipe = Recipe(epochs=10, warmup_epochs=2, learning_rate=0.4)
    got = learning_rate(recipe, epoch)
    if epoch < 2:
        assert 0 < got < 0.4
        assert got == pytest.approx(0.4 * epoch / 2, abs=0.02)  # first step above 0
        assert learning_rate(recipe, epoch + 1e-3) > got
    else:
        assert got == pytest.approx(0.2 * (1 + math.cos(math.pi * (epoch - 2) / 8)))


def test_learning_rate_without_warm_up_and_with_nothing_else():
    flat = Recipe(epochs=4, warmup_epochs=0, learning_rate=0.4)
    assert learning_rate(flat, 0) == 0.4
    assert learning_rate(flat, 2) == pytest.approx(0.2)
    only = Recipe(epochs=2, warmup_epochs=2, learning_rate=0.4)
    assert 0.3 < learning_rate(only, 1.99) < 0.4


def test_noise_grows_from_epoch_to_epoch():
    recipe = Recipe(epochs=10, extensions=Extensions(ramp=0.25))
    assert [noise_ramp(recipe, epoch) for epoch in (1, 2, 3, 4)] == pytest.approx([0.4, 0.8, 1, 1])
    assert noise_ramp(Recipe(), 1) == 1
