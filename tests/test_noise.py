"""The fast Gaussian noise: moments, distribution, independence and reproducibility.

Bounds are five standard errors of the estimate under the hypothesis, and seeds are fixed.
"""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from resnoise.noise import add_noise, draw_seed, noise_like

COUNT = 1_000_000


def draw(shape, seed=0, **options):
    like = torch.empty(shape, **options)
    return noise_like(like, torch.tensor(seed))


def correlation(a, b):
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_moments(seed):
    x = draw(COUNT, seed).double().numpy()
    assert abs(x.mean()) < 5 / math.sqrt(COUNT)
    assert abs(x.var() - 1) < 5 * math.sqrt(2 / COUNT)
    assert abs(stats.skew(x)) < 5 * math.sqrt(6 / COUNT)
    # The table itself falls short by 0.001, as its module says.
    assert abs(stats.kurtosis(x)) < 5 * math.sqrt(24 / COUNT) + 0.001


def test_distribution():
    x = draw(COUNT, seed=3).numpy()
    assert stats.kstest(x, "norm").pvalue > 1e-3
    expected = 2 * stats.norm.sf(4) * COUNT  # the tail is there: 63 beyond 4 σ
    assert abs((np.abs(x) > 4).sum() - expected) < 5 * math.sqrt(expected)


def test_table_is_what_the_module_says_of_it():
    from resnoise.noise.layerwise import _coordinates

    table = _coordinates().numpy()
    assert table.shape == (65_536, 4)
    for axis in table.T:
        ordered = np.sort(axis)
        assert np.array_equal(ordered, -ordered[::-1])
        assert axis.var() == pytest.approx(0.99998, abs=5e-6)
        assert stats.kurtosis(axis) == pytest.approx(0, abs=1e-3)
        assert axis.max() == pytest.approx(4.3, abs=0.05)
        assert 1 / (2 * stats.norm.sf(axis.max())) == pytest.approx(65_000, rel=0.01)
    assert np.abs(np.corrcoef(table.T) - np.eye(4)).max() < 1e-4
    assert np.abs(np.corrcoef(table.T**2) - np.eye(4)).max() < 1e-3


def test_two_draws_of_a_point_are_a_gaussian_in_the_plane():
    x = draw(COUNT, seed=13).view(-1, 4).double().numpy()
    for first, second in [(0, 1), (1, 3), (0, 2)]:
        angle = np.arctan2(x[:, first], x[:, second])
        assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3
        radius = x[:, first] ** 2 + x[:, second] ** 2
        assert stats.kstest(radius, stats.chi2(2).cdf).pvalue > 1e-3
    assert stats.kstest((x**2).sum(1), stats.chi2(4).cdf).pvalue > 1e-3


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8, 64, 1024])
def test_neighbours_are_independent(lag):
    x = draw(COUNT, seed=4).double().numpy()
    bound = 5 / math.sqrt(COUNT - lag)
    assert abs(correlation(x[:-lag], x[lag:])) < bound
    assert abs(correlation(x[:-lag] ** 2, x[lag:] ** 2)) < bound


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_channels_and_images_are_independent(layout):
    x = draw((32, 16, 16, 16), seed=5).contiguous(memory_format=layout)
    x = noise_like(x, torch.tensor(5)).double().numpy()
    for axis in (0, 1):
        flat = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        off = np.corrcoef(flat) - np.eye(len(flat))
        assert np.abs(off).max() < 5.5 / math.sqrt(flat.shape[1])


def test_consecutive_seeds_are_independent():
    like = torch.empty(COUNT // 4)
    calls = np.stack([noise_like(like, torch.tensor(6 + n)).double().numpy() for n in range(4)])
    off = np.corrcoef(calls) - np.eye(4)
    assert np.abs(off).max() < 5 / math.sqrt(like.numel())


def test_the_seed_decides():
    like = torch.empty(1000)
    largest = torch.iinfo(torch.int64).max
    seeds = [torch.tensor(seed) for seed in (0, 7, 8, largest, -largest, -1)]
    draws = [noise_like(like, seed) for seed in seeds[:-1]]
    for seed, drawn in zip(seeds, draws, strict=False):
        assert torch.equal(noise_like(like, seed), drawn)
    assert len({tuple(drawn.tolist()) for drawn in draws}) == len(draws)


def test_noise_leaves_the_global_generators_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    draw(1000, seed=8)
    draw_seed(torch.Generator())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_without_a_generator_torchs_own_decides_the_seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        first, second = draw_seed(), draw_seed()
        torch.manual_seed(9)
        assert draw_seed() == first
    assert first != second
    assert first.dtype == torch.int64


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (5, 0, 2), (7, 11), (2, 3, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_any_shape_and_type(shape, dtype):
    x = draw(shape, seed=10, dtype=dtype)
    assert x.shape == shape
    assert x.dtype == dtype
    assert torch.isfinite(x).all()
    assert x.numel() < 3 or x.unique().numel() > x.numel() // 2


def test_bfloat16_is_the_same_draw_rounded():
    assert torch.equal(draw(999, 11, dtype=torch.bfloat16), draw(999, 11).bfloat16())


@pytest.mark.parametrize(
    "like",
    [
        torch.empty(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.empty(6, 7).t(),
        torch.empty(8, 9)[:, ::2],
        torch.empty(1, 5).expand(4, 5),
    ],
    ids=["channels_last", "transposed", "strided", "expanded"],
)
def test_any_memory_layout(like):
    x = noise_like(like, torch.tensor(12))
    assert x.shape == like.shape
    assert x.stride() == torch.empty_like(like).stride()
    # Every element has a draw of its own: the same values as in plain memory, in some order.
    assert torch.equal(x.flatten().sort().values, draw(like.numel(), 12).sort().values)


def test_no_gradient():
    like = torch.empty(10, requires_grad=True)
    assert not noise_like(like, torch.tensor(0)).requires_grad


@pytest.mark.parametrize(
    "x",
    [
        torch.randn(1001),
        torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.randn(2**18 + 5),
        torch.randn(8, 9)[:, ::2],
        torch.randn(50).double(),
    ],
    ids=["plain", "channels_last", "several chunks", "strided", "double"],
)
def test_added_noise_is_a_draw_times_sigma(x):
    sigma = torch.tensor(0.3)
    leaf = x.detach().requires_grad_()
    noisy = add_noise(leaf, sigma, torch.tensor(14))
    expected = x + sigma * noise_like(x, torch.tensor(14))
    assert torch.allclose(noisy, expected, rtol=1e-6, atol=1e-6)
    noisy.backward(2 * torch.ones_like(x))
    assert torch.equal(leaf.grad, 2 * torch.ones_like(x))
    assert sigma.grad is None


def test_the_operator_is_what_a_compiler_expects_of_it():
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    for sigma in (0.0, 0.3):
        torch.library.opcheck(add_noise, (x, torch.tensor(sigma), torch.tensor(3)))


def test_noise_of_size_zero_changes_nothing():
    x = torch.randn(100)
    quiet = add_noise(x, torch.tensor(0.0), torch.tensor(1))
    assert torch.equal(quiet, x)
    assert quiet.data_ptr() != x.data_ptr()
