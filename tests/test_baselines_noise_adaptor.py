"""Noise Adaptor: a dither before rounding while it trains, and nothing of it in evaluation."""

import itertools
import math
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from networks import plain
from resnoise_baselines.noise_adaptor import NoiseAdaptor
from tiny_job import tiny_job

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.conversion.activation import QuantisedReLU, activations, quantise
from resnoise.conversion.converter import convert
from resnoise.noise import noise_like
from resnoise.training.trainer import train


def layer(levels=4, threshold=1.5, seed=3):
    made = QuantisedReLU(ActivationConfig(levels=levels, threshold=threshold)).train()
    made.dither = True
    made.noise_seed = torch.tensor(seed)
    return made


def formula(z, threshold, levels, noise):
    """As printed: s · clip(round(z/s + ε), 0, p), in NumPy float64."""
    step = threshold / levels
    return step * np.clip(np.floor(z / step + noise + 0.5), 0, levels)


def job(method=NoiseAdaptor, **recipe):
    return replace(tiny_job("qcfs", **recipe), method=method(), training=method.name)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_rounds_what_the_noise_was_added_to(levels):
    # Binary fractions, so that no rounding of float32 decides.
    z = torch.arange(-512, 2048) / 512
    noise = noise_like(z, torch.tensor(3), uniform=True)
    module = layer(levels, threshold=1.0)
    module.raw_threshold.data.fill_(1.0)
    threshold = module.threshold.item()
    got = module(z).detach().numpy()
    expected = formula(z.double().numpy(), threshold, levels, noise.double().numpy())
    # λ is 1 to float32 precision only: a value within 1e-5 of a tie may go either way.
    scaled = z.double().numpy() * levels / threshold + noise.double().numpy()
    clear = np.abs(np.mod(scaled, 1) - 0.5) > 1e-5
    assert clear.mean() > 0.99
    assert np.allclose(got[clear], expected[clear], rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("levels", [2, 4])
def test_its_mean_over_the_noise_is_the_clipped_input(levels, dtype):
    draws = 20_000
    values = torch.tensor([-1.0, -0.25, 0.0, 0.125, 0.5, 0.75, 1.25, 1.5, 1.625, 3.0])
    z = values.to(dtype).repeat(draws, 1)
    got = layer(levels)(z).detach().double()
    step = 1.5 / levels
    # At most a coin between two levels: a standard error of step / (2 √draws). What bfloat16 rounds
    # before it is rounded to a level shifts the odds by 2⁻⁸ of λ at most.
    bound = 5 * step / 2 / math.sqrt(draws) + (1.5 / 256 if dtype == torch.bfloat16 else 1e-6)
    assert ((got.mean(0) - values.clamp(0, 1.5)).abs() < bound).all()
    assert len(got[:, 4].unique()) == 2


@pytest.mark.parametrize("ramp", [0.0, 0.5])
def test_the_ramp_makes_the_noise_narrower(ramp):
    module = layer(4, threshold=2.0)
    module.ramp.fill_(ramp)
    z = torch.full((10_000,), 0.5)  # on a level: half a step off either tie
    assert torch.equal(module(z), torch.full_like(z, 0.5))
    near_a_tie = module(torch.full((10_000,), 0.5 + 0.24))
    assert (len(near_a_tie.unique()) > 1) == (ramp > 0)


def test_gradient_is_that_of_the_clipped_input_on_average():
    values = torch.tensor([-0.3, 0.2, 0.7, 1.3, 1.6, 4.0])
    z = values.repeat(20_000, 1).requires_grad_()
    module = layer(2)
    threshold = module.threshold.detach().requires_grad_()
    q = module(z)
    q.sum().backward()
    assert torch.equal(z.grad, ((z > 0) & (z < 1.5)).float())
    # In λ: q/λ − z/λ inside and q/λ outside, whose mean is 0 inside and below, and 1 above.
    got = (q.detach().double() - torch.where(z.grad > 0, z, 0).detach()).mean(0) / 1.5
    expected = (values > 1.5).double()
    assert ((got - expected).abs() < 5 * 0.5 / 2 / math.sqrt(len(z)) + 1e-6).all()
    raw = torch.autograd.grad(module.threshold, module.raw_threshold)[0]
    total = (q.detach().double().sum() - (z * z.grad).detach().double().sum()) / threshold.item()
    assert module.raw_threshold.grad.item() == pytest.approx((total * raw).item(), rel=1e-3)


def test_no_noise_in_evaluation():
    network = NoiseAdaptor().network(plain(), "noise-adaptor", Recipe())
    x = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    quiet = network.eval()(x)
    assert torch.equal(network(x), quiet)
    for module in activations(network).values():
        module.dither = False
    assert torch.equal(network(x), quiet)
    module = layer().eval()
    z = torch.linspace(-1, 3, 101)
    assert torch.equal(module(z), quantise(z, module.threshold, 4))
    assert module.noise_seed == 3


def test_the_spiking_network_knows_nothing_of_the_noise():
    network = NoiseAdaptor().network(plain(), "noise-adaptor", Recipe())
    x = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    logits, _ = convert(network)(x, 3)
    for module in activations(network).values():
        module.dither = False
    assert torch.equal(convert(network)(x, 3)[0], logits)


def test_each_pass_and_each_layer_has_noise_of_its_own_from_the_seed():
    z = torch.full((2000,), 0.1)
    generator = torch.Generator().manual_seed(0)
    modules = [layer(), layer()]
    for module in modules:
        module.seed_noise_(generator)
    drawn = [module(z).detach() for module in modules for _ in range(2)]
    for a, b in itertools.combinations(drawn, 2):
        assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 5 / math.sqrt(2000)
    modules[0].seed_noise_(generator.manual_seed(0))
    assert torch.equal(modules[0](z), drawn[0])


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiler_takes_it_as_one_graph_and_draws_the_same():
    z = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    results = []
    for wrap in (lambda module: module, partial(torch.compile, fullgraph=True)):
        module = layer()
        function, leaf = wrap(module), z.clone().requires_grad_()
        outputs = [function(leaf) for _ in range(2)]
        (outputs[0] * z).sum().backward()
        results.append((*outputs, leaf.grad, module.raw_threshold.grad, module.noise_seed))
    for eager, compiled in zip(*results, strict=True):
        assert torch.allclose(eager, compiled, rtol=1e-6, atol=1e-6)
    assert not torch.equal(results[0][0], results[0][1])


@pytest.mark.parametrize("bf16", [False, True])
def test_trains_the_same_twice_and_differently_from_qcfs(tmp_path, bf16):
    execution = ExecutionConfig(device="cpu", bf16=bf16)
    weights = []
    for name, one in (("a", job()), ("b", job()), ("qcfs", tiny_job("qcfs"))):
        weights.append(one.load(train(one, tmp_path / name, execution)).state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    assert any(not torch.equal(value, weights[2][name]) for name, value in weights[0].items())
