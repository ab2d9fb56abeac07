"""Generators that depend on nothing but their arguments."""

import itertools

import numpy as np
import torch

from resnoise.utils.seeding import generator_for


def draw(*arguments):
    return torch.randn(2000, generator=generator_for(*arguments))


def test_equal_arguments_give_equal_generators():
    assert torch.equal(draw(3, "noise", 7), draw(3, "noise", 7))
    assert torch.equal(draw(3, "noise"), draw(3, "noise", 0))


def test_different_arguments_give_independent_ones():
    cases = list(itertools.product([0, 1, 2**31], ["noise", "order", "dropout"], [0, 1, 2]))
    draws = np.stack([draw(*case).numpy() for case in cases])
    off = np.corrcoef(draws) - np.eye(len(cases))
    assert np.abs(off).max() < 5 / np.sqrt(draws.shape[1])


def test_known_values_do_not_move():
    # Another value would give every resumed training another noise than the one it began with.
    assert generator_for(0, "noise", 1).initial_seed() == 3294700403536848703
    assert generator_for(2**32 - 1, "order", 300).initial_seed() == 3007099311730300443


def test_global_generators_are_left_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    generator_for(1, "order", 2)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)
