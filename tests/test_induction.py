"""The residual error against loops by hand, and what induction leaves alone."""

import math

import numpy as np
import pytest
import torch
from networks import Shortcut, images, neurons_by_hand, plain, source
from torch import nn
from torch.nn import functional as F

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.errors import DataError
from resnoise.methods import side_by_side
from resnoise.methods.induction import induce, set_noise_
from resnoise.methods.side_by_side import SideBySide
from resnoise.noise.residual import HISTOGRAM_BINS, HISTOGRAM_EDGES, Moments
from resnoise.simulation.simulator import predictions, simulate

TIMESTEPS = 4


@pytest.fixture
def network():
    return source(plain()).double().train()


@pytest.fixture
def held_out():
    """Two batches of unequal size."""
    x = images(11, 2, 4, 4).double()
    x[8:] *= 2.0  # with an error of another size
    y = torch.arange(11) % 3
    return [(x[:8], y[:8]), (x[8:], y[8:])]


def quantised_by_hand(layer, z):
    clipped = torch.clamp(z / layer.threshold, 0, 1)
    return layer.threshold / layer.levels * torch.floor(layer.levels * clipped + 0.5)


def activations_by_hand(network, x):
    """Each layer's activation, fed by the activations before it."""
    network.eval()
    quantised, h = {}, x
    for name, module in network.named_children():
        if name in activations(network):
            h = quantised[name] = quantised_by_hand(module, h)
        else:
            h = module(h)
    network.train()
    return quantised


def simulated_by_hand(network, x):
    """Mean input current and mean output current of each layer of neurons."""
    network.eval()
    layers = neurons_by_hand(network)
    received, sent = dict.fromkeys(layers, 0), dict.fromkeys(layers, 0)
    for _ in range(TIMESTEPS):
        h = x
        for name, module in network.named_children():
            if name in layers:
                received[name] = received[name] + h / TIMESTEPS
                h = layers[name](h)
                sent[name] = sent[name] + h / TIMESTEPS
            else:
                h = module(h)
    network.train()
    return received, sent


def errors_by_hand(network, x, local=False):
    """Each layer's activation and residual error e_l."""
    received, sent = simulated_by_hand(network, x)
    quantised = activations_by_hand(network, x)
    if local:
        sources = activations(network)
        quantised = {name: quantised_by_hand(sources[name], received[name]) for name in sent}
    return {
        name: (quantised[name].detach().numpy(), (quantised[name] - sent[name]).detach().numpy())
        for name in sent
    }


@pytest.mark.parametrize("local", [False, True])
def test_residual_error_by_hand(network, held_out, local):
    got = induce(network, held_out, TIMESTEPS, local=local)
    first, second = (errors_by_hand(network, x, local) for x, _ in held_out)
    assert list(got.layers) == ["2", "5", "9"]
    for name, error in got.layers.items():
        # Each over all elements of one batch.
        variances = [((e - e.mean()) ** 2).mean() for _, e in (first[name], second[name])]
        pairs = zip(first[name], second[name], strict=True)
        quantised, everything = (np.concatenate([a.ravel(), b.ravel()]) for a, b in pairs)
        assert error.sigma == pytest.approx(math.sqrt(np.mean(variances)), rel=1e-5)
        assert error.mean == pytest.approx(everything.mean(), rel=1e-4, abs=1e-7)
        assert error.std == pytest.approx(everything.std(), rel=1e-5, abs=1e-7)
        threshold, levels = error.threshold, activations(network)[name].levels
        assert threshold == pytest.approx(activations(network)[name].threshold.item())
        counts, _ = np.histogram(everything / threshold, HISTOGRAM_EDGES)
        assert error.counts == tuple(counts)
        assert sum(error.counts) == everything.size
        level = np.rint(quantised / threshold * levels)
        for k, counted in enumerate(error.level_counts):
            counts, _ = np.histogram(everything[level == k] / threshold, HISTOGRAM_EDGES)
            assert counted == tuple(counts)
        assert len(error.level_counts) == levels + 1
    assert got.layers["2"].std == pytest.approx(0, abs=1e-6)  # T = L: the first layer has none
    for name in ("5",) if local else ("5", "9"):
        assert got.layers[name].sigma > 0.01
        assert got.layers[name].sigma != pytest.approx(got.layers[name].std, rel=1e-3)


def passing_on(levels):
    """Two layers with λ = 1, of which the second receives what the first sends."""
    model = nn.Sequential(nn.ReLU(), nn.Linear(1, 1), nn.ReLU())
    network = prepare(model, ActivationConfig(levels=levels, threshold=1.0))
    with torch.no_grad():
        network.get_submodule("1").weight.fill_(1.0)
        network.get_submodule("1").bias.fill_(0.0)
    return network


def test_the_error_is_end_to_end():
    # A second layer whose input differs between the two networks, though its own step is exact.
    network = passing_on(levels=1)
    x = torch.tensor([[0.25], [0.75]])
    got = induce(network, [(x, torch.zeros(2, dtype=torch.long))], 4)
    # ANN: q(0.25) = 0, q(0.75) = 1. SNN over 4 steps: 1/4 and 3/4 in both layers.
    for layer in got.layers.values():
        assert layer.mean == pytest.approx(0.0)
        assert layer.std == pytest.approx(0.25)


def test_the_local_error_is_that_of_one_layer():
    network = passing_on(levels=4)
    batches = [(torch.tensor([[0.25]]), torch.zeros(1, dtype=torch.long))]
    # From v(0) = 1/2, 1/4 at each of two steps gives one spike: q = 1/4, but the rate is 1/2. The
    # second layer passes the spike on: that its rate is too high is no error of its own.
    for local, expected in [(False, [-0.25, -0.25]), (True, [-0.25, 0.0])]:
        layers = induce(network, batches, 2, local=local).layers.values()
        assert [layer.mean for layer in layers] == pytest.approx(expected)


def test_accuracy_is_that_of_a_simulation(network, held_out):
    got = induce(network, held_out, TIMESTEPS)
    spiking = convert(network)
    correct = sum((predictions(simulate(spiking, x, TIMESTEPS)) == y).sum(1) for x, y in held_out)
    assert got.accuracy == pytest.approx((correct.double() / 11).tolist())
    assert len(set(got.accuracy)) > 1


def test_the_network_is_left_as_it_was(network, held_out):
    frozen = network.get_submodule("1").eval()
    for layer in activations(network).values():
        layer.set_sigma_(0.4)
        layer.noise = "always"
        layer.seed_noise_(torch.Generator())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    seeds = [layer.noise_seed for layer in activations(network).values()]
    quiet = induce(network, held_out, TIMESTEPS)
    assert network.training
    assert not frozen.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [layer.noise_seed for layer in activations(network).values()] == seeds
    for layer in activations(network).values():
        assert layer.noise == "always"
        assert not layer._forward_hooks
    for layer in activations(network).values():
        layer.set_sigma_(0.0)
    assert induce(network, held_out, TIMESTEPS) == quiet  # the noise was off


def test_training_continues_after_an_induction(network, held_out):
    induction = induce(network, held_out, TIMESTEPS)
    set_noise_(network, induction)
    for name, layer in activations(network).items():
        assert layer.sigma.item() == pytest.approx(induction.layers[name].sigma)
    x, y = held_out[0]
    F.cross_entropy(network(x), y).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("levels", [1, 2, 4, 8, 16])
def test_histogram_edges_fall_on_no_error(levels):
    steps = np.arange(-levels, levels + 1) / levels
    distance = np.abs(np.subtract.outer(steps, HISTOGRAM_EDGES)).min()
    assert distance >= 1 / 32
    assert len(HISTOGRAM_EDGES) == HISTOGRAM_BINS + 1
    assert HISTOGRAM_EDGES[0] < -1 < 1 < HISTOGRAM_EDGES[-1]


def test_counts_are_exact_beyond_float32():
    count = 2**24 + 2**20 + 7  # float32 counts to 2**24
    moments = Moments(levels=4)
    zeros = torch.zeros(1).expand(count)
    moments.count(zeros, zeros, torch.tensor(1.0))
    assert moments.level_counts[0].sum() == count


def test_no_batches(network):
    with pytest.raises(DataError, match="held-out images"):
        induce(network, [], TIMESTEPS)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("architecture", [plain, Shortcut, "resnet20", "digits-cnn"])
def test_side_by_side_is_the_same_in_one_pass(architecture, local):
    made = source(architecture() if callable(architecture) else architecture)
    shape = (3, 32, 32) if isinstance(architecture, str) else (2, 4, 4)
    held_out = [(images(n, *shape), torch.arange(n) % 3) for n in (6, 3)]
    for x, _ in held_out:
        made(x)
    two = induce(made, held_out, TIMESTEPS, local=local)
    one = induce(made, held_out, TIMESTEPS, local=local, side_by_side=True)
    assert one.accuracy == two.accuracy
    assert list(one.layers) == list(two.layers)
    for name, error in two.layers.items():
        got = one.layers[name]
        assert got.sigma == pytest.approx(error.sigma, rel=1e-3, abs=1e-6), name
        assert got.mean == pytest.approx(error.mean, rel=1e-3, abs=1e-4), name
        assert got.std == pytest.approx(error.std, rel=1e-3, abs=1e-6), name
        assert sum(got.counts) == sum(error.counts)


def test_side_by_side_is_exactly_the_same_where_nothing_rounds(network, held_out):
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_var.fill_(1.0 - norm.eps)
        nn.init.ones_(norm.weight)
    two, one = (induce(network, held_out, TIMESTEPS, side_by_side=s) for s in (False, True))
    assert one.accuracy == two.accuracy
    for name, error in two.layers.items():
        assert one.layers[name].level_counts == error.level_counts
        assert one.layers[name].sigma == pytest.approx(error.sigma, rel=1e-9)


def test_side_by_side_takes_as_many_batches_at_once_as_are_small(network, held_out, monkeypatch):
    together = induce(network, held_out, TIMESTEPS, side_by_side=True)
    ran = []
    run = SideBySide.__call__
    monkeypatch.setattr(SideBySide, "__call__", lambda s, x: (ran.append(len(x)), run(s, x))[1])
    both = sum(x.nbytes for x, _ in held_out)
    for most, expected in ((both, [11]), (both - 1, [8, 3])):
        monkeypatch.setattr(side_by_side, "PIECE_BYTES", most)
        one = induce(network, held_out, TIMESTEPS, side_by_side=True)
        assert ran == expected
        assert one.accuracy == together.accuracy
        for name, error in together.layers.items():
            assert one.layers[name].sigma == pytest.approx(error.sigma, rel=1e-5, abs=1e-7)
        ran.clear()


def test_side_by_side_leaves_the_network_as_it_was(network, held_out):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    induce(network, held_out, TIMESTEPS, side_by_side=True)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
