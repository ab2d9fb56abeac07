"""Kinds of models that came out wrong without a word: each is carried over rightly, or refused."""

import random
import warnings

import numpy as np
import pytest
import torch
from networks import images
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from resnoise import backends
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import convert
from resnoise.conversion.identity import computation
from resnoise.conversion.preparation import prepare
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.datasets import load
from resnoise.errors import ConfigError, ConversionError, DataError, PreparationError
from resnoise.export.weights import write_tensors
from resnoise.methods import get
from resnoise.metrics import ActivityMeter
from resnoise.simulation.simulator import simulate
from resnoise.training.job import Job

FINE = ActivationConfig(levels=2**16, threshold=16.0)


class Net(nn.Module):
    """A convolution, a ReLU, `body(self, h)`, given as a function, and a classifier."""

    def __init__(self, body=lambda m, h: h, **modules):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(64, 3)
        self.body = body
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.fc(self.body(self, F.relu(self.conv(x))).flatten(1))


def x(count=5):
    return images(count, 1, 4, 4)


def assert_carried(model):
    """The fine network is the model in evaluation."""
    network = prepare(model, FINE).eval()
    assert torch.allclose(network(x()), model.eval()(x()), atol=1e-3)
    return network


CHANCE = [
    lambda m, h: h if m.training and torch.rand(1).item() < 0.5 else h + 1,
    lambda m, h: h * torch.bernoulli(torch.full((1, 4, 1, 1), 0.5)) if m.training else h,
    lambda m, h: h + torch.randn(4, 1, 1) if m.training else h,
    lambda m, h: h if m.training and random.random() < 0.5 else h + 0,
    lambda m, h: h * np.random.rand() if m.training else h,
    lambda m, h: h + 1 if m.training else h,
    lambda m, h: F.relu(h) if m.training else h,
]


@pytest.mark.parametrize("body", CHANCE)
def test_what_differs_between_training_and_evaluation_is_refused_in_training(body):
    with pytest.raises(PreparationError, match=r"cannot trace Net.*call `eval\(\)`"):
        prepare(Net(body))


@pytest.mark.parametrize("body", CHANCE)
def test_and_is_as_in_evaluation_with_a_warning_there(body):
    before = torch.get_rng_state(), random.getstate()
    model = Net(body).eval()
    state = torch.get_rng_state()
    with pytest.warns(UserWarning, match="prepared as it computes in evaluation"):
        assert_carried(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == before[1]


@pytest.mark.parametrize(
    "body",
    [
        lambda m, h: h * torch.rand(4, 1, 1),
        lambda m, h: h * random.random(),
        lambda m, h: h * torch.rand_like(m.conv.bias).view(4, 1, 1),
    ],
)
def test_chance_in_evaluation_is_refused(body):
    with pytest.raises(PreparationError, match=r"random numbers|rand_like"):
        prepare(Net(body).eval())


def test_the_line_that_decides_is_named():
    with pytest.raises(PreparationError, match=r"`bernoulli`.*test_conversion_kinds.py:\d+"):
        prepare(Net(CHANCE[1]))
    with pytest.raises(PreparationError, match=r"`add`.*test_conversion_kinds.py:\d+"):
        prepare(Net(CHANCE[5]))


def test_what_a_model_remembers_is_noticed():
    def counting(m, h):
        m.calls = getattr(m, "calls", 0) + 1
        return h * torch.full((4, 1, 1), float(m.calls))

    with pytest.raises(PreparationError, match="training"):
        prepare(Net(counting))


def test_a_train_method_of_its_own_is_noticed():
    class Frozen(Net):
        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

    with pytest.raises(PreparationError, match=r"`train\(\)` leaves `norm`"):
        prepare(Frozen(lambda m, h: m.norm(h), norm=nn.BatchNorm2d(4)).train())


def test_functional_dropout_follows_the_mode():
    network = prepare(Net(lambda m, h: F.dropout(h, 0.5, m.training)), FINE)
    assert not torch.equal(network.train()(x()), network(x()))
    assert_carried(Net(lambda m, h: F.dropout(h, training=m.training)))
    assert_carried(Net(lambda m, h: F.dropout(h, training=False)))


def test_buffers_are_read_when_the_network_runs():
    model = Net(lambda m, h: h * m.scale.view(-1, 1, 1))
    model.register_buffer("scale", torch.full((4,), 2.0))
    network = assert_carried(model)
    network.scale.fill_(3.0)
    model.scale.fill_(3.0)
    assert torch.allclose(network(x()), model(x()), atol=1e-3)


def test_a_buffer_that_is_written_over_is_refused():
    model = Net(lambda m, h: (m.count.add_(1), h)[1])
    model.register_buffer("count", torch.zeros(()))
    with pytest.raises(PreparationError, match=r"`add_`.*writes over the parameter or buffer"):
        prepare(model)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_a_frozen_part_is_refused(context):
    def body(m, h):
        with context():
            return m.same(h)

    with pytest.raises(PreparationError, match=r"no_grad.*`same`.*requires_grad_"):
        prepare(Net(body, same=nn.Conv2d(4, 4, 1)))


def test_autocast_in_forward_is_refused():
    def body(m, h):
        with torch.autocast("cpu"):
            return m.same(h)

    with pytest.raises(PreparationError, match="autocast"):
        prepare(Net(body, same=nn.Conv2d(4, 4, 1)))


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("register_forward_hook", "act"), ("register_forward_pre_hook", "conv"),
        ("register_full_backward_hook", "conv"), ("register_forward_hook", ""),
    ],
)  # fmt: skip
def test_hooks_are_refused_by_name(kind, where):
    def halve(*given):
        return None

    model = Net(lambda m, h: m.act(h), act=nn.ReLU())
    handle = getattr(model.get_submodule(where), kind)(halve)
    with pytest.raises(PreparationError, match=f"hook `halve` of .*{where}"):
        prepare(model)
    handle.remove()
    prepare(model)


def test_gradient_hooks_are_refused_by_name():
    model = Net()
    model.conv.weight.register_hook(lambda grad: grad * 0)
    with pytest.raises(PreparationError, match=r"gradient hook of parameter `weight` of .*`conv`"):
        prepare(model)


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize(
    "norm", [weight_norm, spectral_norm, lambda m: prune.l1_unstructured(m, "weight", 0.5)]
)
def test_weights_of_hooks_are_refused_by_name(norm):
    model = Net().eval()
    norm(model.conv)
    with torch.no_grad():
        model(x())
    with pytest.raises(PreparationError, match=r"hook of Conv2d `conv`; use torch.nn.utils"):
        prepare(model)


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_parametrised_weights_are_carried(norm):
    model = Net(lambda m, h: m.norm(m.other(h)), other=norm(nn.Conv2d(4, 4, 1)),
                norm=nn.BatchNorm2d(4)).eval()  # fmt: skip
    spiking = convert(assert_carried(model))
    meter = ActivityMeter(spiking)
    with meter.counting():
        simulate(spiking, x(), 2)
    assert meter.activity(2).macs > 0


@pytest.mark.parametrize("backend", backends.available())
def test_a_state_of_other_images_is_refused(backend):
    network = prepare(Net(), ActivationConfig(threshold=1.0)).eval()
    spiking = convert(network, backend)
    _, state = spiking(x(4), 2)
    with pytest.raises(ConfigError, match=r"state of the same images, of shape \(2, 4, 4, 4\)"):
        spiking(x(2), 2, state)
    with pytest.raises(ConfigError, match="float64"):
        spiking.double()(x(4).double(), 2, state)
    with pytest.raises(ConfigError, match="one state for each of 1 layers"):
        spiking(x(4), 2, ())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["conv.weight", "fc.bias", "relu.raw_threshold"])
def test_infinite_and_nan_weights_are_refused_by_name(value, name, tmp_path):
    network = prepare(Net(), ActivationConfig(threshold=1.0))
    spiking = convert(network)
    network.get_parameter(name).data.view(-1)[0] = value
    with pytest.raises(ConversionError, match=f"`{name}` are infinite or NaN"):
        convert(network)
    spiking.body.get_submodule("fc").weight[0, 0] = value
    with pytest.raises(ConversionError, match=r"`fc.weight` are infinite or NaN"):
        write_tensors(tmp_path / "network.safetensors", spiking.model_state, {}, spiking.layers)
    assert not list(tmp_path.iterdir())


def test_unfitted_thresholds_are_warned_of():
    network = prepare(Net())
    with pytest.warns(UserWarning, match=r"thresholds of relu .*fit_thresholds_"):
        convert(network)
    loaded = prepare(Net())
    loaded.load_state_dict(network.state_dict())
    fitted = prepare(Net())
    fit_thresholds_(fitted, x())
    trained = prepare(Net())
    torch.optim.SGD(trained.parameters(), 0.1).zero_grad()
    trained(x()).sum().backward()
    activations(trained)["relu"].raw_threshold.data += 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for settled in (loaded, fitted, trained, prepare(Net(), ActivationConfig(threshold=1.0))):
            convert(settled)


def test_lazy_layers_are_refused_by_name():
    with pytest.raises(PreparationError, match="LazyConv2d `0` has seen no images"):
        prepare(nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.ReLU()))


def test_an_attribute_named_like_an_activation():
    model = Net(lambda m, h: F.relu(h) * m.relu)
    model.relu = nn.Parameter(torch.ones(()))
    network = prepare(model)
    assert list(activations(network)) == ["relu_", "relu_1"]


def test_images_that_cannot_be_fitted_to_are_one_line():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU())
    for wrong, what in (
        (x(1), "several"), (x().numpy(), "ndarray"), (x().long(), "int64"),
        (x() * float("nan"), "finite"), (images(2, 3, 8, 8), r"\[2, 3, 8, 8\]"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=what) as caught:
            fit_thresholds_(prepare(flat), wrong)
        assert "\n" not in str(caught.value)


def test_numpy_images_and_a_nameless_architecture_are_one_line():
    spiking = convert(prepare(Net(), ActivationConfig(threshold=1.0)))
    with pytest.raises(DataError, match=r"ndarray; torch\.from_numpy"):
        simulate(spiking, x().numpy(), 2)
    with pytest.raises(ConfigError, match="integer larger than 0"):
        simulate(spiking, x(), np.int64(2) - 2)
    data = load("digits", seed=0)
    for name, seed, what in (("", 0, "`architecture`"), ("own", np.int64(0), "`seed`")):
        with pytest.raises(ConfigError, match=what):
            Job(get("nq"), "nq", name, data, Recipe(), seed, own_model=Net())


ONE = lambda m, h: m.part(h)  # noqa: E731
PAIRS = [
    (nn.AvgPool2d(3, 2), nn.AvgPool2d(3, 2, ceil_mode=True)),
    (nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
    (nn.AvgPool2d(2), nn.AvgPool2d(2, divisor_override=3)),
    (nn.ReLU(), nn.ReLU6()),
    (nn.BatchNorm2d(4), nn.BatchNorm2d(4, eps=1e-3)),
    (nn.ConstantPad2d(1, 0.0), nn.ConstantPad2d(1, 1.0)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_models_that_compute_otherwise_have_another_identity(one, other):
    first, second = (computation(prepare(Net(ONE, part=part))) for part in (one, other))
    assert first != second
    assert first == computation(prepare(Net(ONE, part=one)))


def test_buffers_constants_sharing_and_freezing_are_part_of_the_identity():
    def with_buffer(value):
        model = Net(lambda m, h: h - m.mean)
        model.register_buffer("mean", torch.full((1,), value))
        return model

    frozen = Net()
    frozen.conv.requires_grad_(False)
    constants = [Net(lambda m, h, c=c: h * torch.full((1,), c)) for c in (2.0, 3.0)]
    shared = Net(ONE, part=nn.Conv2d(4, 4, 1))
    tied = Net(lambda m, h: m.part(m.again(h)), part=nn.Conv2d(4, 4, 1), again=nn.Conv2d(4, 4, 1))
    two = computation(prepare(tied))
    tied.again.weight = tied.part.weight
    models = [with_buffer(1.0), with_buffer(2.0), *constants, frozen, Net(), shared, tied]
    texts = ["\n".join(computation(prepare(model))) for model in models]
    assert len({*texts, "\n".join(two)}) == len(texts) + 1
