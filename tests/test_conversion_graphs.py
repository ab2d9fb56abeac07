# ruff: noqa: E501
"""What users expect to convert: quantised network against spiking one, and torch against the trace.

With one layer of neurons at T = L the mean over time is the quantised network's output, whatever
affine operations surround it. Random graphs of those operations are the last test here.
"""

import time
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import images
from torch import nn
from torch.nn import functional as F

from docs.families import shaken
from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.errors import PreparationError
from resnoise.metrics import ActivityMeter
from resnoise.simulation.simulator import simulate

LEVELS = 16
SECONDS = 20
"""How long random graphs are tried."""


class Model(nn.Module):
    """Convolution, ReLU, `body`, a linear layer by hand: images [N, 2, 4, 4] to logits [N, 3]."""

    def __init__(self, body=lambda m, h: h, **modules):
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(6, 4, 1, 1))
        self.square = nn.Parameter(torch.randn(4, 4))
        self.body = body
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.body(self, F.relu(self.conv(x))).flatten(1)[:, :3]


def x(count=5):
    return images(count, 2, 4, 4)


def assert_exact(model, atol=1e-5):
    """Fine, it is torch's own; coarse, at T = L, its spiking network is the same."""
    model.eval()
    fine = prepare(model, ActivationConfig(levels=2**16, threshold=16.0)).eval()
    assert torch.allclose(fine(x()), model(x()), atol=2e-3)
    network = prepare(model, ActivationConfig(levels=LEVELS, threshold=1.0)).eval()
    spiking = convert(network)
    assert torch.allclose(simulate(spiking, x(), LEVELS).mean(0), network(x()), atol=atol)
    precise = network.double()
    assert torch.allclose(shaken(precise, x().double()), precise(x().double()), atol=1e-10)
    meter = ActivityMeter(spiking)
    with meter.counting():
        simulate(spiking, x(), 2)
    return network.float()


class Conv(nn.Conv2d):
    """A subclass that computes the same."""


class Norm(nn.BatchNorm2d):
    """A subclass that computes the same."""


BODIES = [
    lambda m, h: torch.reshape(h, (-1, 64)), lambda m, h: h.mean(-1).mean(-1),
    lambda m, h: h.mean((-2, -1)), lambda m, h: h.sum((2, 3)), lambda m, h: torch.sum(h, -1),
    lambda m, h: h.mean((2, 3), keepdim=True).squeeze(-1).squeeze(2), lambda m, h: h.unsqueeze(1),
    lambda m, h: h.unsqueeze(-4), lambda m, h: torch.unsqueeze(h, 2).squeeze(2),
    lambda m, h: h[:, 1:], lambda m, h: h[:, :, ::2, ::2], lambda m, h: h[..., 1:], lambda m, h: h[:, 0],
    lambda m, h: h[:, None], lambda m, h: h.permute(0, 2, 3, 1), lambda m, h: h.permute((0, 3, 1, 2)),
    lambda m, h: h.transpose(1, 2), lambda m, h: torch.transpose(h, -1, -3), lambda m, h: h.swapaxes(1, 3),
    lambda m, h: torch.concat(h.chunk(2, 1)[::-1], 1), lambda m, h: h.chunk(2, dim=-3)[1],
    lambda m, h: h.split([1, 3], 1)[1], lambda m, h: torch.split(h, 2, dim=1)[0],
    lambda m, h: torch.stack([h, -h], 1), lambda m, h: torch.stack((h, h), dim=-1),
    lambda m, h: torch.cat(h.unbind(1), 1), lambda m, h: torch.flatten(h, -3), lambda m, h: h.flatten(2, -1),
    lambda m, h: torch.subtract(torch.multiply(h, 2), h), lambda m, h: h.flip(1).narrow(1, 0, 3),
    lambda m, h: h.roll(1, 2).select(1, 2),
    lambda m, h: F.interpolate(h, scale_factor=2), lambda m, h: F.interpolate(h, size=(3, 5), mode="bilinear"),
    lambda m, h: F.interpolate(h, size=h.shape[2:], mode="nearest"),
    lambda m, h: F.pad(h, (1, 1, 0, 1), value=0.5), lambda m, h: F.pad(h, (1, 1, 1, 1), mode="reflect"),
    lambda m, h: F.pixel_shuffle(h, 2), lambda m, h: F.pixel_unshuffle(h, 2), lambda m, h: F.channel_shuffle(h, 2),
    lambda m, h: F.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2), "constant", 0),
    lambda m, h: F.conv2d(h, m.weight, padding=1, stride=2), lambda m, h: F.linear(h, m.square, bias=None),
    lambda m, h: F.conv2d(h, m.weight - m.weight.mean((1, 2, 3), keepdim=True)),
    lambda m, h: F.conv_transpose2d(h, m.weight.transpose(0, 1)), lambda m, h: F.dropout(h, 0.5, m.training),
    lambda m, h: h.view(h.shape[0], 2, 2, 4, 4).transpose(1, 2).reshape(h.size(0), 4, 4, 4),
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_linear_operations_are_exact(body):
    assert_exact(Model(body))


@pytest.mark.parametrize(
    "part",
    [
        nn.Upsample(scale_factor=2, mode="bilinear"), nn.UpsamplingNearest2d(scale_factor=2),
        nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2), nn.ReflectionPad2d(1),
        nn.ReplicationPad2d(1), nn.CircularPad2d(1), nn.ConstantPad2d(1, 0.5), nn.ZeroPad2d(1),
        nn.Unflatten(-3, (2, 2)), nn.Flatten(-3), nn.AlphaDropout(), Conv(4, 4, 3), Norm(4),
        nn.SyncBatchNorm(4),
    ],
)  # fmt: skip
def test_linear_modules_are_exact(part):
    network = assert_exact(Model(lambda m, h: m.part(h), part=part))
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in network.modules())


@pytest.mark.parametrize(
    "body",
    [
        lambda m, h: h.squeeze(), lambda m, h: h.unsqueeze(0), lambda m, h: h.permute(1, 0, 2, 3),
        lambda m, h: h.transpose(0, 1), lambda m, h: h.chunk(2)[0], lambda m, h: h.split(1, dim=-4)[0],
        lambda m, h: torch.stack([h, h]), lambda m, h: h.sum(), lambda m, h: h.sum(0), lambda m, h: h[..., 0, 0, 0, 0],
        lambda m, h: F.pad(h, (0, 0, 0, 0, 0, 0, 1, 1)), lambda m, h: h.flip(0), lambda m, h: h.view(-1),
        lambda m, h: h + h.flatten(1), lambda m, h: F.conv2d(h, h), lambda m, h: torch.add(h, 1, out=h),
        lambda m, h: h.reshape(m.square.shape[0], -1), lambda m, h: torch.cat([h, m.weight[:4]], 1),
    ],
)  # fmt: skip
def test_what_touches_the_images_is_refused(body):
    with pytest.raises(PreparationError, match="cannot"):
        prepare(Model(body))


def test_unknown_dimensions_are_refused_with_advice():
    class Flat(nn.Module):
        def forward(self, x):
            return F.relu(x).mean((-2, -1))

    with pytest.raises(PreparationError, match=r"mean.* from the front"):
        prepare(Flat())


@pytest.mark.parametrize(
    "last",
    [
        lambda m, h: F.softmax(h.flatten(1), 1), lambda m, h: h.flatten(1).log_softmax(-1),
        lambda m, h: m.part(h.flatten(1)),
    ],
)  # fmt: skip
def test_a_softmax_at_the_end_is_left_off(last):
    class Last(Model):
        def forward(self, x):
            return self.body(self, F.relu(self.conv(x)))

    model = Last(last, part=nn.LogSoftmax(dim=1))
    with pytest.warns(UserWarning, match="at the end is left off"):
        network = prepare(model, ActivationConfig(levels=2**16, threshold=16.0)).eval()
    assert torch.allclose(network(x()), Model(lambda m, h: h.flatten(1)).conv(x()).relu().flatten(1),
                          atol=1e-3)  # fmt: skip


@pytest.mark.parametrize("output", ["logits", 1])
def test_one_of_several_outputs_is_named(output):
    class Several(Model):
        def forward(self, x, flag=False, *, other=None):
            logits = super().forward(x) + (1 if flag else 0)
            return {"features": x, "logits": logits} if output == "logits" else (x, logits)

    model = Several()
    with pytest.raises(PreparationError, match=r'one output.*output="logits"'):
        prepare(model)
    network = prepare(model, ActivationConfig(levels=2**16, threshold=16.0), output=output).eval()
    assert torch.allclose(network(x()), model(x())[output], atol=1e-3)
    with pytest.raises(PreparationError, match="output 'scores'"):
        prepare(model, output="scores")


def test_wrappers_are_taken_off():
    model = Model()
    for wrapped in (
        nn.DataParallel(model),
        torch.compile(model),
        nn.DataParallel(torch.compile(model)),
    ):
        assert list(prepare(wrapped).state_dict()) == list(prepare(model).state_dict())
    scripted = torch.jit.trace(model, x())
    with pytest.raises(PreparationError, match="is TorchScript"):
        prepare(scripted)
    with pytest.raises(PreparationError, match="`0` is wrapped"):
        prepare(nn.Sequential(nn.DataParallel(model)))


def test_what_stays_refused_says_where_and_why():
    part = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Hardswish(), nn.Conv2d(4, 4, 1), nn.Hardswish())
    with pytest.raises(PreparationError, match=r"Hardswish `part.1` \(.*ReLU.*and 1 more"):
        prepare(Model(lambda m, h: m.part(h), part=part))
    no_relu = nn.Sequential(nn.Conv2d(2, 4, 1), nn.GELU())
    with pytest.raises(PreparationError, match=r"found none: cannot convert GELU `1`"):
        prepare(no_relu)
    with pytest.raises(PreparationError, match=r"`mul`.*test_conversion_graphs.py:\d+.*squeeze"):
        prepare(Model(lambda m, h: h * h.mean((2, 3), keepdim=True)))


class Mixed(nn.Module):
    """A layer that reads spikes and images, or two layers that do."""

    def __init__(self, parts, joined):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.joint = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(6, 4, 3, bias=False)
        self.fc = nn.Linear(16, 3)
        self.a, self.s = nn.Conv2d(2, 4, 3, bias=False), nn.Conv2d(4, 4, 3, bias=False)
        self.a.weight.data = self.joint.weight[:, :2].detach().clone()
        self.s.weight.data = self.joint.weight[:, 2:].detach().clone()
        self.joined, self.parts = joined, parts

    def forward(self, x):
        analogue, spikes = self.parts(self, x)
        if self.joined:
            h = self.joint(torch.cat([analogue, spikes], 1))
        else:
            h = self.a(analogue) + self.s(spikes)
        return self.fc(F.relu(h).flatten(1))


@pytest.mark.parametrize(
    "parts",
    [
        lambda m, x: (x, F.relu(m.first(x))),  # constant in time
        lambda m, x: (m.first(F.relu(m.first(x))[:, :2])[:, :2], F.relu(m.first(x))),  # varying
    ],
)
def test_a_mixed_input_costs_what_two_layers_would(parts):
    costs = []
    for joined in (True, False):
        network = prepare(Mixed(parts, joined), ActivationConfig(threshold=0.7)).eval()
        spiking = convert(network)
        meter = ActivityMeter(spiking)
        with meter.counting():
            simulate(spiking, x(), 4)
        costs.append([(meter.activity(t).macs, meter.activity(t).acs) for t in (1, 2, 4)])
    assert costs[0] == costs[1]


def test_a_shortcut_of_analogue_values_costs_macs_once():
    class Shortcut(Mixed):
        def forward(self, x):
            h = self.first(x)
            return self.fc(F.relu(self.s(h + F.relu(h))).flatten(1))

    spiking = convert(prepare(Shortcut(None, True), ActivationConfig(threshold=0.7)).eval())
    meter = ActivityMeter(spiking)
    with meter.counting():
        simulate(spiking, x(), 4)
    first = 2 * 4 * 10 * 10  # of 4·4·9 products those with padding are left out
    assert meter.activity(4).macs == meter.activity(1).macs == first + 4 * 4 * 9 * 2 * 2


STEPS = [
    lambda h: torch.cat([h, -h], 1), lambda h: h.flip(-1), lambda h: h * 0.5 + 0.25,
    lambda h: F.avg_pool2d(h, 3, 1, 1), lambda h: F.pad(h, (1, 0, 0, 1))[:, :, 1:, :-1],
    lambda h: h.transpose(2, 3), lambda h: h.permute(0, 1, 3, 2), lambda h: F.channel_shuffle(h, 2),
    lambda h: torch.stack([h, h], 1).mean(1), lambda h: torch.cat(h.chunk(2, -3)[::-1], -3),
    lambda h: h.view(h.shape[0], 2, -1, 4, 4).flatten(1, 2),
    lambda h: F.interpolate(h, scale_factor=2, mode="bilinear")[..., ::2, ::2], lambda h: h - h.mean((-2, -1), keepdim=True),
    lambda h: F.pixel_shuffle(F.pixel_unshuffle(h, 2), 2), lambda h: h.clone().add_(1.0),
]  # fmt: skip
RELUS = [F.relu, F.relu6, lambda h: h.clamp(0, 4), lambda h: F.hardtanh(h, 0.0, 2.0)]


class Random(nn.Module):
    """Layers of steps before and after a ReLU, some with a shortcut around them."""

    def __init__(self, layers):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.layers = layers
        self.convs = nn.ModuleList(nn.LazyConv2d(4, 3, padding=1) for _ in layers)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in layers)
        self.fc = nn.LazyLinear(3)
        with torch.no_grad():
            self(x())

    def forward(self, images):
        h = self.stem(images)
        for conv, norm, (relu, steps, shortcut) in zip(
            self.convs, self.norms, self.layers, strict=True
        ):
            inner = RELUS[relu](h)
            for step in steps:
                inner = STEPS[step](inner)
            inner = norm(conv(inner))
            h = h + inner if shortcut else inner
        return self.fc(torch.flatten(h, -3))


def layer():
    steps = st.lists(st.integers(0, len(STEPS) - 1), max_size=3)
    return st.tuples(st.integers(0, len(RELUS) - 1), steps, st.booleans())


def test_random_graphs_of_what_is_accepted():
    """The trace is the model's own in either mode; spiking it comes near, the nearer the longer."""
    end = time.monotonic() + SECONDS

    @settings(deadline=None, max_examples=100, database=None, derandomize=True)
    @given(st.lists(layer(), min_size=1, max_size=3))
    def try_one(layers):
        if time.monotonic() > end:
            return
        model = Random(layers).eval()
        fine = prepare(model, ActivationConfig(levels=2**16, threshold=32.0)).eval()
        with torch.no_grad():
            expected = model(x())
            assert torch.allclose(
                fine(x()), expected, atol=1e-2 * expected.abs().max().item() + 1e-3
            )
        fit_thresholds_(fine, x(), quantile=1.0)
        spiking = convert(fine)
        errors = [
            (simulate(spiking, x(), steps).mean(0) - fine(x())).abs().max() for steps in (16, 256)
        ]
        scale = fine(x()).abs().max()
        assert errors[1] < 0.1 * scale + 1e-3, (errors, scale)
        precise = fine.double()
        assert torch.allclose(shaken(precise, x().double()), precise(x().double()), atol=1e-7)
        assert len(activations(fine)) == len(layers)

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try_one()


class Padded(nn.Conv2d):
    """As timm's convolution of "same" padding: another forward, of functions that are known."""

    def forward(self, x):
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias)


class Standardised(nn.Conv2d):
    """As timm's convolution of standardised weights."""

    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight, self.bias)


class Gated(nn.Conv2d):
    """A convolution by type alone."""

    def forward(self, x):
        return super().forward(x) * super().forward(x)


class NormAct(nn.BatchNorm2d):
    """As timm's norm with its activation in it."""

    def forward(self, x):
        return F.relu(super().forward(x))


class OtherNorm(nn.BatchNorm2d):
    """A norm by type alone."""

    def forward(self, x):
        return F.layer_norm(x, x.shape[1:])


@pytest.mark.parametrize("part", [Padded(4, 4, 2), Standardised(4, 4, 3)])
def test_a_subclass_with_a_forward_of_its_own_computes_that(part):
    assert_exact(Model(lambda m, h: m.part(h), part=part))


@pytest.mark.parametrize("part", [Gated(4, 4, 1), OtherNorm(4), NormAct(4)])
def test_a_subclass_of_another_computation_is_refused(part):
    """By its operations; torch's own BatchNorm, called from another forward, is not traceable."""
    with pytest.raises(PreparationError, match="cannot"):
        prepare(Model(lambda m, h: m.part(h), part=part).eval())
