"""Noise that is drawn by the operations of a step: the distributions of the fast noise of CPUs."""

import math

import pytest
import torch
from scipy import stats
from test_conditional_noise import COUNTS, LEVELS, MIDDLE, THRESHOLD, activations_at

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import QuantisedReLU, quantise
from resnoise.noise import in_step
from resnoise.noise.residual import HISTOGRAM_BINS

COUNT = 200_000


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_gaussian_noise():
    x = torch.zeros(COUNT, requires_grad=True)
    noisy = in_step.add_noise(x, torch.tensor(0.5))
    assert stats.kstest(noisy.detach().numpy() / 0.5, "norm").pvalue > 1e-3
    noisy.sum().backward()
    assert torch.equal(x.grad, torch.ones(COUNT))
    assert in_step.add_noise(x.bfloat16(), torch.tensor(0.5)).dtype == torch.bfloat16
    assert torch.equal(in_step.add_noise(x, torch.tensor(0.0)), x)


def test_uniform_noise():
    drawn = in_step.add_noise(torch.zeros(COUNT), torch.tensor(2.0), uniform=True)
    assert stats.kstest(drawn.numpy() / 2 + 0.5, "uniform").pvalue > 1e-3


def test_measured_noise():
    counts = torch.zeros(HISTOGRAM_BINS, dtype=torch.int64)
    counts[[4, 15, 20]] = torch.tensor([1, 6, 3])
    drawn = in_step.add_noise(torch.zeros(COUNT), torch.tensor(1.0), counts)
    values, often = drawn.unique(return_counts=True)
    assert stats.chisquare(often, [0.3 * COUNT, 0.6 * COUNT, 0.1 * COUNT]).pvalue > 1e-3
    assert values[0] < 0 < values[1] < values[2]  # the sign of an error turns
    assert drawn.mean().item() == pytest.approx(0, abs=5 / math.sqrt(COUNT))
    assert drawn.var().item() == pytest.approx(1, abs=0.05)


def add(q, ramp=1.0):
    return in_step.add_conditional_noise(q, THRESHOLD, torch.tensor(ramp), COUNTS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_noise_by_level(level, dtype):
    sent = add(activations_at(level, (COUNT,)).to(dtype)).double() / THRESHOLD
    rates = (sent * 4).round()
    assert (sent * 4 - rates).abs().max() < (0.04 if dtype == torch.bfloat16 else 1e-5)
    got = torch.bincount(rates.long(), minlength=5)
    expected = torch.tensor([COUNTS[level, MIDDLE + 4 * (level - rate)] for rate in range(5)])
    seen = expected > 0
    assert got[~seen].sum() == 0
    expected = expected.double() / expected.sum() * COUNT
    assert stats.chisquare(got[seen], expected[seen]).pvalue > 1e-3


def test_levels_of_one_tensor_and_the_gradient():
    q = torch.cat([activations_at(4, (9,)), activations_at(3, (9,))]).requires_grad_()
    noisy = add(q)
    assert torch.allclose(noisy, activations_at(3, (18,)))  # certain, and never measured
    noisy.sum().backward()
    assert torch.equal(q.grad, torch.ones(18))
    assert torch.allclose(add(activations_at(4, (9,)), ramp=0.5), activations_at(3.5, (9,)))


def noisy_layer(kind):
    layer = QuantisedReLU(ActivationConfig(levels=LEVELS, threshold=1.0)).train()
    layer.draws_in_step = True
    layer.set_sigma_(0.1)
    layer.dither = kind == "dither"
    counts = torch.ones(LEVELS + 1, HISTOGRAM_BINS, dtype=torch.int64)
    layer.error_counts = {"measured": counts[0], "conditional": counts}.get(kind)
    return layer


KINDS = ["gaussian", "measured", "conditional", "dither"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_compiler_takes_it_as_one_graph(kind):
    layer = noisy_layer(kind)
    z = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    first, second = compiled(z), compiled(z)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_draws_from_the_default_generator(kind):
    layer = noisy_layer(kind)
    z = torch.linspace(-0.5, 1.5, 1000)
    torch.manual_seed(3)
    first, second = layer(z), layer(z)
    torch.manual_seed(3)
    assert torch.equal(layer(z), first)
    assert not torch.equal(first, second)
    assert layer.noise_seed is None
    assert torch.equal(layer.eval()(z), quantise(z, layer.threshold, LEVELS))
