"""The quantised activation against the printed formula, its gradients, and its residual noise."""

import itertools
import math
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import (
    QuantisedReLU,
    activations,
    noise_mode,
    quantise,
)
from resnoise.conversion.preparation import prepare
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.errors import ConfigError


def formula(z, threshold, levels):
    """QCFS as printed (Bu et al., eq. 15), in NumPy float64."""
    z = np.asarray(z, dtype=np.float64)
    return threshold / levels * np.floor(levels * np.clip(z / threshold, 0, 1) + 0.5)


def through_floor(z, threshold, levels):
    """The same expression for autograd, with the floor's gradient taken as 1."""
    scaled = levels * torch.clamp(z / threshold, 0, 1) + 0.5
    return threshold / levels * (scaled + (scaled.floor() - scaled).detach())


def layer(levels=4, threshold=1.0, sigma=0.0):
    made = QuantisedReLU(ActivationConfig(levels=levels, threshold=threshold))
    made.set_sigma_(sigma)
    return made


def small_network(**config):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(4 * 16, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    return prepare(model, ActivationConfig(**config))


@pytest.mark.parametrize("levels", [1, 2, 4, 8])
@pytest.mark.parametrize("threshold", [0.25, 1.0, 2.0])
def test_values_on_a_grid_with_ties(levels, threshold):
    # Every half step: each tie of the rounding, both ends, and beyond them. Exact in binary.
    z = threshold * np.arange(-2 * levels, 4 * levels + 1) / (2 * levels)
    ties = np.mod(levels * np.clip(z / threshold, 0, 1), 1) == 0.5
    assert ties.sum() == levels
    got = quantise(torch.tensor(z, dtype=torch.float32), torch.tensor(threshold), levels)
    assert np.array_equal(got.numpy(), formula(z, threshold, levels))


@pytest.mark.parametrize("levels", [3, 5])
def test_values_off_the_grid(levels):
    z = np.random.default_rng(0).normal(0.6, 1.0, 10_000)
    got = quantise(torch.tensor(z), torch.tensor(1.3, dtype=torch.float64), levels)
    assert np.allclose(got.numpy(), formula(z, 1.3, levels), rtol=1e-12, atol=0)


def test_gradient_in_z_is_one_strictly_inside():
    z = torch.tensor([-1.0, -1e-30, 0.0, 1e-30, 0.5, 1.4999, 1.5, 1.5001, 9.0], requires_grad=True)
    upstream = torch.arange(1.0, 10.0)
    quantise(z, torch.tensor(1.5), 4).backward(upstream)
    inside = torch.tensor([0.0, 0, 0, 1, 1, 1, 0, 0, 0])
    assert torch.equal(z.grad, upstream * inside)


@pytest.mark.parametrize("levels", [1, 4, 7])
def test_gradients_are_autograds_through_the_same_expression(levels):
    generator = torch.Generator().manual_seed(levels)
    z = (torch.randn(500, generator=generator) * 2).double().requires_grad_()
    threshold = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(500, generator=generator).double()
    expected = torch.autograd.grad(through_floor(z, threshold, levels), (z, threshold), upstream)
    got = torch.autograd.grad(quantise(z, threshold, levels), (z, threshold), upstream)
    assert torch.allclose(got[0], expected[0], rtol=1e-12)
    assert torch.allclose(got[1], expected[1], rtol=1e-6)


def test_gradient_of_threshold_reaches_the_parameter_through_the_softplus():
    module = layer(threshold=0.1)
    z = torch.linspace(-0.5, 0.5, 101)
    module(z).sum().backward()
    raw = module.raw_threshold.detach().clone().requires_grad_()
    through_floor(z, F.softplus(raw, beta=10.0), 4).sum().backward()
    assert raw.grad != 0
    assert torch.allclose(module.raw_threshold.grad, raw.grad, rtol=1e-5)


@pytest.mark.parametrize("z_type", [torch.float32, torch.bfloat16])
def test_type_of_the_input_is_kept_and_the_thresholds_gradient_is_its_own(z_type):
    module = layer()
    z = torch.rand(100, dtype=z_type, requires_grad=True)
    out = module(z)
    out.sum().backward()
    assert out.dtype == z.grad.dtype == z_type
    assert module.raw_threshold.grad.dtype == torch.float32


@pytest.mark.parametrize("value", [1e-3, 0.01, 0.069, 0.5, 1.0, 2.0, 8.0, 100.0])
def test_threshold_round_trip(value):
    module = layer()
    module.set_threshold_(value)
    assert module.threshold.item() == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf])
def test_threshold_must_be_positive(value):
    with pytest.raises(ConfigError, match=f"larger than 0, but got {value!r}"):
        layer().set_threshold_(value)


def test_sigma_must_not_be_negative():
    with pytest.raises(ConfigError, match=r"`sigma` to be a number not negative, but got -0.1"):
        layer().set_sigma_(-0.1)


def test_threshold_stays_positive_however_far_steps_pull():
    module = layer()
    optimiser = torch.optim.SGD(module.parameters(), lr=10.0)
    z = torch.linspace(-1.0, 1.0, 101)
    for _ in range(1000):
        optimiser.zero_grad()
        module.threshold.backward()  # pulls down whatever λ is
        optimiser.step()
        assert module.threshold > 0
    with torch.no_grad():
        module.raw_threshold.fill_(-1e6)
    assert module.threshold > 0
    out = module(z)
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert torch.isfinite(module.raw_threshold.grad)


def test_sigma_zero_is_exactly_the_quantised_activation():
    z = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    module = layer().train()
    assert torch.equal(module(z), quantise(z, module.threshold, 4))


def test_noise_only_in_training_and_added_after_quantisation_without_clipping():
    z = torch.full((4000,), 5.0)  # everything is clipped to λ
    z[:2000] = -5.0
    module = layer(threshold=2.0, sigma=0.25)
    module.seed_noise_(torch.Generator().manual_seed(1))
    quantised = quantise(z, module.threshold, 4)
    assert torch.equal(module.eval()(z), quantised)
    noisy = module.train()(z).detach()
    assert noisy.min() < -0.25
    assert noisy.max() > 2.25
    noise = noisy - quantised
    # Mean within 5 standard errors; the standard error of a standard deviation is σ / √(2n).
    assert abs(noise.mean()) < 5 * 0.25 / math.sqrt(4000)
    assert abs(noise.std() - 0.25) < 5 * 0.25 / math.sqrt(2 * 4000)


def test_noise_changes_no_gradient():
    z = torch.randn(200, generator=torch.Generator().manual_seed(0), requires_grad=True)
    quiet, noisy = layer(sigma=0.0).train(), layer(sigma=0.5).train()
    expected = torch.autograd.grad(quiet(z).sum(), (z, quiet.raw_threshold))
    got = torch.autograd.grad(noisy(z).sum(), (z, noisy.raw_threshold))
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])
    assert not noisy.sigma.requires_grad
    assert "sigma" not in dict(noisy.named_parameters())


def test_noise_mode_holds_within_its_context_only():
    network = small_network()
    for module in activations(network).values():
        module.set_sigma_(0.3)
    list(activations(network).values())[1].noise = "always"
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    network.eval()
    with noise_mode(network, "never"):
        quiet = network(x)
        assert torch.equal(network(x), quiet)
    with noise_mode(network, "always"):
        assert not torch.equal(network(x), quiet)
    network.train()
    with pytest.raises(ZeroDivisionError), noise_mode(network, "never"):
        raise ZeroDivisionError
    assert [module.noise for module in activations(network).values()] == ["training", "always"]


def test_activations_come_in_the_order_of_computation():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.second = nn.ReLU()
            self.first = nn.ReLU()

        def forward(self, x):
            return self.second(-self.first(x))

    assert list(activations(prepare(Backwards()))) == ["first", "second"]


def test_fitted_threshold_is_the_quantile_of_positive_preactivations():
    network = small_network(levels=2)
    images = torch.randn(16, 2, 4, 4, generator=torch.Generator().manual_seed(5))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.eval()
    fit_thresholds_(network, images, quantile=0.9)
    assert not network.training

    conv, linear = network.get_submodule("0"), network.get_submodule("4")
    z1 = conv(images)
    z1 = (z1 - z1.mean((0, 2, 3), keepdim=True)) / torch.sqrt(
        z1.var((0, 2, 3), keepdim=True, correction=0) + 1e-5
    )
    first = np.quantile(z1[z1 > 0].detach().numpy(), 0.9, method="inverted_cdf")
    z2 = linear(torch.tensor(formula(z1.detach(), first, 2), dtype=torch.float32).flatten(1))
    second = np.quantile(z2[z2 > 0].detach().numpy(), 0.9, method="inverted_cdf")
    fitted = [module.threshold.item() for module in activations(network).values()]
    assert fitted == pytest.approx([first, second], rel=1e-4)

    for name, value in network.state_dict().items():
        if not name.endswith("raw_threshold"):  # BatchNorm's statistics among them
            assert torch.equal(value, before[name]), name


def test_fitting_draws_nothing_at_random():
    model = nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 8), nn.ReLU())
    x = torch.rand(16, 8, generator=torch.Generator().manual_seed(0))
    fitted = []
    for seed in (1, 2):
        network = prepare(model).train()
        network.get_submodule("1").eval()
        activations(network)["0"].set_sigma_(1.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            state = torch.get_rng_state()
            fit_thresholds_(network, x)
            assert torch.equal(torch.get_rng_state(), state)
        assert [module.training for module in network.children()] == [True, False, True, True]
        fitted.append([layer.threshold.item() for layer in activations(network).values()])
    assert fitted[0] == fitted[1]


def test_fitting_leaves_a_silent_layer_where_it_started():
    network = prepare(nn.Sequential(nn.ReLU()))
    fit_thresholds_(network, -torch.ones(2, 3))
    assert network.get_submodule("0").threshold.item() == pytest.approx(1.0)


def test_fitting_takes_more_elements_than_torch_quantile_can():
    count = 2**24 + 1001  # torch.quantile refuses more than 2**24
    images = torch.arange(count, dtype=torch.float32).remainder_(1024).view(1, -1)
    network = prepare(nn.Sequential(nn.ReLU()))
    fit_thresholds_(network, images, quantile=0.5)
    assert network.get_submodule("0").threshold.item() == 512.0


@pytest.mark.parametrize("quantile", [0, -0.5, 99, math.nan])
def test_quantile_is_checked(quantile):
    with pytest.raises(ConfigError, match=r"`quantile`.*but got"):
        fit_thresholds_(prepare(nn.Sequential(nn.ReLU())), torch.ones(1, 1), quantile=quantile)


def test_each_pass_and_each_layer_has_noise_of_its_own():
    z = torch.zeros(1000)
    generator = torch.Generator().manual_seed(0)
    modules = [layer(sigma=0.5).train(), layer(sigma=0.5).train()]
    for module in modules:
        module.seed_noise_(generator)
    drawn = [module(z).detach() for module in modules for _ in range(2)]
    for a, b in itertools.combinations(drawn, 2):
        assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 5 / math.sqrt(1000)
    generator.manual_seed(0)
    modules[0].seed_noise_(generator)
    assert torch.equal(modules[0](z), drawn[0])


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiler_takes_the_noisy_activation_as_one_graph_and_draws_the_same():
    z = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    results = []
    for wrap in (lambda module: module, partial(torch.compile, fullgraph=True)):
        module = layer(sigma=0.5).train()
        module.noise_seed = torch.tensor(3)
        function, leaf = wrap(module), z.clone().requires_grad_()
        outputs = [function(leaf) for _ in range(2)]
        (outputs[0] * z).sum().backward()
        results.append((*outputs, leaf.grad, module.noise_seed))
    for eager, compiled in zip(*results, strict=True):
        assert torch.allclose(eager, compiled, rtol=1e-6, atol=1e-6)
    assert not torch.equal(results[0][0], results[0][1])


def test_compiled_gradients_are_those_of_every_parameter():
    """In torch 2.11 they were zero where forward returned what it had written in place."""
    network = small_network(levels=4, threshold=1.0).train()
    x, y = torch.randn(8, 2, 4, 4), torch.arange(8) % 3

    def loss(network):
        return F.cross_entropy(network(x), y)

    gradients = []
    # What compiles is the same for every backend; this one needs no C++ compiler.
    for call in (loss, torch.compile(loss, backend="aot_eager")):
        network.zero_grad(set_to_none=True)
        call(network).backward()
        gradients.append({name: p.grad for name, p in network.named_parameters()})
    eager, compiled = gradients
    assert list(eager) == list(compiled)
    for name, gradient in eager.items():
        assert gradient.abs().max() > 0, name
        assert torch.allclose(compiled[name], gradient, rtol=1e-5, atol=1e-7), name
