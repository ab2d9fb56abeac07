"""Uniform noise: distribution, independence, and any type, shape and layout.

Bounds are five standard errors of the estimate under the hypothesis, and seeds are fixed.
"""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from resnoise.noise import add_noise

COUNT = 1_000_000


def draw(shape, seed=0, width=1.0, dtype=torch.float32):
    x = torch.zeros(shape, dtype=dtype)
    return add_noise(x, torch.tensor(width), torch.tensor(seed), uniform=True)


@pytest.mark.parametrize("width", [1.0, 0.3])
def test_distribution(width):
    x = draw(COUNT, width=width).double().numpy() / width
    assert stats.kstest(x, stats.uniform(-0.5, 1).cdf).pvalue > 1e-3
    assert abs(x.mean()) < 5 * math.sqrt(1 / 12 / COUNT)
    assert np.abs(x).max() < 0.5


def test_draws_are_independent():
    x = draw(COUNT, seed=1).double().numpy()
    for lag in (1, 2, 3, 4, 8, 64):
        assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 5 / math.sqrt(COUNT - lag)
    for seed in (2, 3):
        other = draw(COUNT, seed=seed).double().numpy()
        assert abs(np.corrcoef(x, other)[0, 1]) < 5 / math.sqrt(COUNT)
    assert np.array_equal(x, draw(COUNT, seed=1).double().numpy())


def test_noise_leaves_the_global_generators_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    draw(1000)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5, 0, 2), (2**18 + 5,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_any_shape_and_type(shape, dtype):
    noisy = draw(shape, dtype=dtype)
    assert (noisy.shape, noisy.dtype) == (shape, dtype)
    assert torch.equal(noisy, draw(shape).to(dtype))


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.zeros(6, 7).t(),
        torch.zeros(8, 9)[:, ::2],
        torch.zeros(1, 5).expand(4, 5),
    ],
    ids=["channels_last", "transposed", "strided", "expanded"],
)
def test_any_memory_layout(x):
    noisy = add_noise(x, torch.tensor(1.0), torch.tensor(5), uniform=True)
    assert noisy.stride() == torch.empty_like(x).stride()
    # Every element has a draw of its own: the same values as in plain memory, in some order.
    assert torch.equal(noisy.flatten().sort().values, draw(x.numel(), 5).sort().values)
    ramp = torch.arange(x.numel(), dtype=torch.float32).view(x.shape)
    added = add_noise(x + ramp, torch.tensor(0.5), torch.tensor(5), uniform=True)
    assert torch.equal(added.round(), ramp)


def test_the_operator_is_what_a_compiler_expects_of_it():
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    torch.library.opcheck(add_noise, (x, torch.tensor(0.3), torch.tensor(3), None, True))
