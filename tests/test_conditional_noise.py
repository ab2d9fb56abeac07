"""Noise given the level: its distribution, what it leaves alone, and the operator it is."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from resnoise.config.recipe import ActivationConfig, Extensions
from resnoise.conversion.activation import QuantisedReLU, quantise
from resnoise.methods.induction import extend_noise_
from resnoise.noise import add_conditional_noise
from resnoise.noise.residual import HISTOGRAM_BINS

LEVELS, THRESHOLD = 4, torch.tensor(1.7)
MIDDLE = HISTOGRAM_BINS // 2
# How often each rate 0, 1/4, ..., 1 is sent in place of level k; level 3 was never seen.
COUNTS = torch.zeros(LEVELS + 1, HISTOGRAM_BINS, dtype=torch.int64)
for level, sent in enumerate([[70, 20, 7, 3, 0], [5, 80, 10, 5, 0], [1, 1, 1, 0, 7], None]):
    for rate, count in enumerate(sent or []):
        COUNTS[level, MIDDLE + 4 * (level - rate)] = count
COUNTS[4, MIDDLE + 4] = 1


def activations_at(level, shape=(300_001,), **options):
    return torch.full(shape, level / LEVELS, **options) * THRESHOLD


def add(q, counts=COUNTS, ramp=1.0, seed=0):
    return add_conditional_noise(q, THRESHOLD, torch.tensor(ramp), torch.tensor(seed), counts)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_is_sent_is_distributed_as_it_was_measured(level, dtype):
    sent = add(activations_at(level).to(dtype)).double() / THRESHOLD
    tolerance = 0.01 if dtype == torch.bfloat16 else 1e-6
    rates = (sent * 4).round()
    assert (sent * 4 - rates).abs().max() < 4 * tolerance
    got = torch.bincount(rates.long(), minlength=5).numpy()
    expected = np.array([COUNTS[level, MIDDLE + 4 * (level - rate)].item() for rate in range(5)])
    expected = expected / expected.sum() * len(sent)
    seen = expected > 0
    assert got[~seen].sum() == 0
    assert stats.chisquare(got[seen], expected[seen]).pvalue > 1e-3


def test_certain_and_unmeasured_errors():
    assert torch.allclose(add(activations_at(4)), activations_at(3))
    assert torch.equal(add(activations_at(3)), activations_at(3))


def test_levels_are_told_apart_within_a_tensor():
    z = torch.linspace(-1, 3, 400_003)
    q = quantise(z, THRESHOLD, LEVELS)
    noisy = add(q)
    for level in range(LEVELS + 1):
        at = q == activations_at(level, ())
        error = (q - noisy)[at] / THRESHOLD
        measured = COUNTS[level].double()
        bins = (torch.arange(HISTOGRAM_BINS) - MIDDLE) / 16
        mean = (measured * bins).sum() / measured.sum().clamp_min(1)
        assert error.mean().item() == pytest.approx(mean.item(), abs=5 / math.sqrt(at.sum()))


def test_draws_are_independent():
    drawn = add(activations_at(1)).double().numpy()
    for lag in (1, 2, 3, 4, 8):
        assert abs(np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]) < 5 / math.sqrt(len(drawn))
    other = add(activations_at(1), seed=1).double().numpy()
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 5 / math.sqrt(len(drawn))
    assert np.array_equal(drawn, add(activations_at(1)).double().numpy())


def test_the_ramp_scales_the_error():
    q = activations_at(2, (1000,))
    assert torch.allclose(add(q, ramp=0.25) - q, 0.25 * (add(q) - q), atol=1e-6)
    assert torch.equal(add(q, ramp=0.0), q)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5, 0, 2), (2**18 + 5,)])
def test_any_shape(shape):
    assert add(activations_at(1, shape)).shape == shape


@pytest.mark.parametrize(
    "q",
    [
        activations_at(1, (2, 3, 4, 5)).contiguous(memory_format=torch.channels_last),
        activations_at(1, (6, 7)).t(),
        activations_at(1, (8, 9))[:, ::2],
    ],
    ids=["channels_last", "transposed", "strided"],
)
def test_any_memory_layout(q):
    noisy = add(q)
    assert noisy.stride() == torch.empty_like(q).stride()
    plain = add(activations_at(1, (q.numel(),)))
    assert torch.equal(noisy.flatten().sort().values, plain.sort().values)


def test_the_gradient_passes_through():
    q = activations_at(2, (7,)).requires_grad_()
    add(q).backward(torch.arange(7.0))
    assert torch.equal(q.grad, torch.arange(7.0))


def test_the_operator_is_what_a_compiler_expects_of_it():
    q = activations_at(1, (2, 3, 4, 5)).contiguous(memory_format=torch.channels_last)
    arguments = (q.requires_grad_(), THRESHOLD, torch.tensor(1.0), torch.tensor(3), COUNTS)
    torch.library.opcheck(add_conditional_noise, arguments)


def test_the_activation_in_training():
    layer = QuantisedReLU(ActivationConfig(threshold=THRESHOLD.item()))
    extend_noise_(nn.Sequential(layer), Extensions(distribution="conditional"))
    z = torch.linspace(-1, 3, 1001, requires_grad=True)
    q = quantise(z, layer.threshold, LEVELS)
    assert torch.equal(layer(z), q)  # nothing was measured yet
    layer.error_counts.copy_(COUNTS)
    layer.ramp.fill_(0.5)
    layer.seed_noise_(torch.Generator().manual_seed(0))
    seed, threshold = layer.noise_seed, layer.threshold
    expected = add_conditional_noise(q, threshold, layer.ramp, seed, COUNTS)
    a = layer(z)
    assert torch.equal(a, expected)
    assert not torch.equal(a, q)
    a.sum().backward()
    assert torch.equal(z.grad, ((z > 0) & (z < threshold)).float())
    assert torch.equal(layer.eval()(z), q)
