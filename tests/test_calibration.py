"""Thresholds of plain networks against brute force in NumPy, and their fold into the weights."""

import copy

import numpy as np
import pytest
import torch
from networks import images
from torch import nn

from resnoise import backends
from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations
from resnoise.conversion.calibration import calibrate_thresholds_
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.conversion.rescaling import rescale_channels_
from resnoise.errors import ConfigError, DataError
from resnoise.metrics import ActivityMeter


class MobileBlock(nn.Module):
    """A small network of EfficientNet-Lite's kind: ReLU6, depthwise, a shortcut of bottlenecks."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
        self.depthwise = nn.Sequential(
            nn.ReLU6(), nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(6, 6, 2, groups=6), nn.BatchNorm2d(6)
        )
        self.project = nn.Sequential(nn.ReLU6(), nn.Conv2d(6, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.expand = nn.Sequential(nn.Conv2d(4, 6, 1), nn.ReLU6(), nn.Conv2d(6, 4, 1, groups=2))
        self.head = nn.Sequential(
            nn.Conv2d(4, 5, 1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.2),
            nn.Linear(20, 3),
        )  # fmt: skip

    def forward(self, x):
        x = self.project(self.depthwise(self.stem(x)))
        return self.head(x + self.expand(x))


class Residual(nn.Module):
    """A ReLU after a sum and a ReLU that a shortcut reads: factors that no weights can take."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 16, 3)

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.fc(torch.relu(self.second(x) + x).flatten(1))


def random_(model, seed=0):
    """Weights of very different size in every channel, as depthwise networks have them."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            module.weight.data.copy_(10 ** torch.empty(len(module.weight)).uniform_(
                -1, 1, generator=generator
            ))  # fmt: skip
            module.bias.data.normal_(0, 0.2, generator=generator)
    return model.eval()


def plain_activations(model, x):
    """What each ReLU of `model` gives, by name, and its pre-activations."""
    found = {}
    handles = [
        m.register_forward_hook(lambda m, i, o, n=n: found.__setitem__(n, o.detach()))
        for n, m in model.named_modules()
        if isinstance(m, nn.ReLU | nn.ReLU6)
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return found


def best_of_brute_force(x, levels):
    """The least squared error of any of 400 thresholds, in NumPy."""
    x = x[x > 0]
    thetas = x.max() * np.arange(1, 401) / 400
    q = lambda t: t / levels * np.clip(np.floor(x / t * levels + 0.5), 0, levels)  # noqa: E731
    return min(((q(t) - x) ** 2).sum() for t in thetas), q, x


@pytest.mark.parametrize("per", ["layer", "channel"])
def test_maximum(per):
    model, x = random_(MobileBlock()), images(23, 2, 4, 4)
    expected = plain_activations(model, x)
    thresholds = calibrate_thresholds_(prepare(model), x, per=per, by="max")
    assert thresholds.keys() == expected.keys()
    for name, a in expected.items():
        highest = a.max() if per == "layer" else a.amax((0, 2, 3))
        # Ten images a pass, not all at once: another order of sums.
        assert torch.allclose(thresholds[name], torch.where(highest > 0, highest, a.max()))


@pytest.mark.parametrize("percentile", [50.0, 99.0])
def test_percentile_is_exact_to_a_bin(percentile):
    model, x = random_(MobileBlock()), images(50, 2, 4, 4)
    expected = plain_activations(model, x)
    got = calibrate_thresholds_(prepare(model), x, by="percentile", percentile=percentile)
    for name, a in expected.items():
        for c, threshold in enumerate(got[name]):
            values = a[:, c][a[:, c] > 0].numpy()
            if len(values):
                exact = np.percentile(values, percentile, method="inverted_cdf")
                assert threshold == pytest.approx(exact, abs=2 * float(values.max()) / 2048)


@pytest.mark.parametrize("per", ["layer", "channel"])
@pytest.mark.parametrize("levels", [2, 8])
def test_squared_error_is_as_small_as_brute_force_gets_it(per, levels):
    model, x = random_(MobileBlock()), images(50, 2, 4, 4)
    expected = plain_activations(model, x)
    network = prepare(model, ActivationConfig(levels=levels))
    got = calibrate_thresholds_(network, x, per=per, by="mse")
    for name, a in expected.items():
        groups = [a] if per == "layer" else list(a.unbind(1))
        for group, threshold in zip(groups, got[name].flatten(), strict=True):
            if (group > 0).sum() > 20:
                least, q, values = best_of_brute_force(group.double().numpy(), levels)
                assert ((q(threshold.item()) - values) ** 2).sum() < 1.05 * least + 1e-6


@pytest.mark.parametrize("model", [MobileBlock, Residual])
def test_folding_changes_the_unit_of_channels_alone(model):
    plain = random_(model()).double()
    x = images(5, 2, 4, 4).double()
    network = prepare(plain, ActivationConfig(levels=4)).double()
    folded = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        shapes = {}
        for name, layer in activations(network).items():
            layer.register_forward_hook(lambda m, i, o, n=name: shapes.__setitem__(n, i[0].shape))
        network(x)
    thresholds = {
        name: torch.empty(shape[1], *(1,) * (len(shape) - 2), dtype=torch.float64)
        .uniform_(0.2, 3, generator=generator)
        for name, shape in shapes.items()
    }  # fmt: skip
    rescale_channels_(folded, thresholds)
    # By hand: a threshold for each channel in the unfolded network.
    for name, layer in activations(network).items():
        theta = thresholds[name]
        layer.forward = lambda z, t=theta: t / 4 * (z / t * 4 + 0.5).floor().clamp(0, 4)
    for layer in activations(folded).values():
        layer.forward = lambda z: ((z * 4 + 0.5).floor().clamp(0, 4)) / 4
    with torch.no_grad():
        assert torch.allclose(folded(x), network(x), rtol=1e-12, atol=1e-12)


def test_only_shortcuts_and_sums_keep_a_factor_of_their_own():
    counts = []
    for model in (MobileBlock(), Residual()):
        network = prepare(random_(model))
        calibrate_thresholds_(network, images(8, 2, 4, 4))
        counts.append(sum(node.target is torch.mul for node in network.graph.nodes))
    assert counts == [0, 2]


def test_powers_of_two_are_exact_in_float32():
    plain, x = random_(MobileBlock()), images(4, 2, 4, 4)
    network = prepare(plain)
    before = [p.clone() for p in network.parameters()]
    shapes = {"depthwise.0": 6, "project.0": 6, "expand.1": 6, "head.1": 5}
    factors = {n: torch.tensor([0.25, 0.5, 1, 2, 4, 8.0][:c]) for n, c in shapes.items()}
    rescale_channels_(network, {n: f[:, None, None] for n, f in factors.items()})
    after = list(network.parameters())
    changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert any(changed)
    for layer in activations(network).values():
        layer.forward = torch.relu
    reference = copy.deepcopy(plain)
    for name in ("depthwise.0", "project.0", "expand.1"):
        reference.set_submodule(name, nn.ReLU())
    with torch.no_grad():
        assert torch.equal(network(x), reference(x))


def test_spikes_are_the_same_on_every_backend():
    network = prepare(random_(MobileBlock()), ActivationConfig(levels=8)).eval()
    x = images(6, 2, 4, 4)
    calibrate_thresholds_(network, x)
    logits = [convert(network, backend)(x, 5)[0] for backend in backends.available()]
    assert len(logits) > 1
    for other in logits[1:]:
        assert torch.equal(other, logits[0])


def test_many_steps_come_close_to_the_plain_network():
    plain, x = random_(MobileBlock()), images(32, 2, 4, 4)
    network = prepare(plain, ActivationConfig(levels=256)).eval()
    calibrate_thresholds_(network, x, by="max")
    with torch.inference_mode():
        expected = plain(x)
        got = convert(network)(x, 256)[0].mean(0)
        quantised = network(x)
    spread = expected.std()
    assert (quantised - expected).abs().max() < 0.1 * spread
    assert (got - expected).abs().mean() < 0.1 * spread


def test_factors_cost_no_synaptic_operation():
    counted = []
    for per in ("layer", "channel"):
        network = prepare(random_(Residual())).eval()
        calibrate_thresholds_(network, images(8, 2, 4, 4), per=per, by="max")
        spiking = convert(network)
        meter = ActivityMeter(spiking)
        with meter.counting(), torch.inference_mode():
            spiking(images(8, 2, 4, 4), 3)
        counted.append(meter.activity(3))
    assert counted[0].synops_dense == counted[1].synops_dense
    assert counted[0].macs == counted[1].macs


def test_a_channel_that_nothing_excites_gets_the_largest_of_its_layer():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        model[0].bias.zero_()
    got = calibrate_thresholds_(prepare(model), torch.full((3, 1, 1, 1), 2.0), by="max")
    assert got["1"].tolist() == [2.0, 2.0]
    silent = calibrate_thresholds_(prepare(model), torch.zeros(3, 1, 1, 1), by="mse")
    assert silent["1"].tolist() == [1.0, 1.0]


def test_what_cannot_be_calibrated():
    network, x = prepare(random_(MobileBlock())), images(3, 2, 4, 4)
    with pytest.raises(ConfigError, match="`per` to be one of layer, channel, but got 'neuron'"):
        calibrate_thresholds_(network, x, per="neuron")
    with pytest.raises(ConfigError, match="`by` to be one of max, percentile, mse, but got 'min'"):
        calibrate_thresholds_(network, x, by="min")
    with pytest.raises(ConfigError, match=r"`percentile`.*at most 100, but got 101"):
        calibrate_thresholds_(network, x, by="percentile", percentile=101)
    with pytest.raises(DataError, match=r"at least one image, but got shape \(0, 2, 4, 4\)"):
        calibrate_thresholds_(network, x[:0])
    with pytest.raises(DataError, match="images of finite numbers"):
        calibrate_thresholds_(network, x / 0)
    unbounded = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(2, 2, bias=False))
    unbounded[2].weight.data.fill_(9)
    with pytest.raises(DataError, match="finite activations"):
        calibrate_thresholds_(prepare(unbounded.append(nn.ReLU())), torch.full((1, 2), 3e38))
    calibrate_thresholds_(network, x)
    before = network(x)
    done = "folded into this one already; prepare the model anew"
    for per in ("channel", "layer"):
        with pytest.raises(ConfigError, match=done):
            calibrate_thresholds_(network, x / 2, per=per)
    assert torch.equal(network(x), before)
