"""Preparing models: which ReLUs and pools are replaced, and what is left as it was."""

import operator
import warnings

import pytest
import torch
from networks import Around
from torch import nn
from torch.nn import functional as F

from resnoise import models
from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import QuantisedReLU, activations, quantise
from resnoise.conversion.preparation import prepare

FINE = ActivationConfig(levels=2**12, threshold=8.0)  # as good as a ReLU below 8


def _written_over(h, other):
    """Who reads a tensor after it was added to reads the sum."""
    h.add_(other)
    return h + other


def _after(h, *writes):
    for write in writes:
        write(h)
    return h


def _sizes_in_place(h):
    """A number that is multiplied in place is another one; who holds the old one has the old."""
    channels = features = h.size(1)
    features *= 16
    return h.reshape(h.size(0), features // channels, channels)


def images(count=5):
    return torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(1))


def discarded(m, h):
    F.relu_(h)
    return h


def overwritten(m, h):
    a = m.relu(h)
    return a + 2.0 * h


@pytest.mark.parametrize(
    "body",
    [
        lambda m, h: m.relu(h),
        lambda m, h: F.relu(h),
        lambda m, h: F.relu(input=h),
        lambda m, h: F.relu(h, inplace=True),
        lambda m, h: F.relu_(h),
        lambda m, h: torch.relu(h),
        lambda m, h: torch.relu_(h),
        lambda m, h: h.relu(),
        lambda m, h: h.relu_(),
        lambda m, h: torch.nn.functional.relu(m.relu(h) - 0.1),
        discarded,
        overwritten,
    ],
    ids=[
        "module", "F.relu", "keyword", "F.relu inplace", "F.relu_", "torch.relu", "torch.relu_",
        "method", "method inplace", "two", "result discarded", "input used after inplace",
    ],
)  # fmt: skip
@pytest.mark.parametrize("inplace", [False, True])
def test_every_kind_of_relu_is_replaced(body, inplace):
    model = Around(body, relu=nn.ReLU(inplace=inplace)).eval()
    with torch.no_grad():
        expected = model(images())
        network = prepare(model, FINE).eval()
        assert not any(isinstance(module, nn.ReLU) for module in network.modules())
        assert "relu" not in network.code.replace("self.relu", "").split("(")
        assert torch.allclose(network(images()), expected, atol=5e-3)


def test_a_relu_called_twice_gets_two_thresholds():
    model = Around(lambda m, h: m.relu(-m.relu(h)), relu=nn.ReLU())
    network = prepare(model, ActivationConfig(threshold=1.0))
    assert len(activations(network)) == 2
    first, second = activations(network).values()
    assert first is not second
    assert next(iter(activations(network))) == "relu"
    first.set_threshold_(0.5)
    assert second.threshold.item() == pytest.approx(1.0)


def test_a_function_gets_a_name_that_is_free():
    model = Around(lambda m, h: F.relu(m.relu(h)), relu=nn.ReLU())
    names = list(activations(prepare(model)))
    assert names[0] == "relu"
    assert len(set(names)) == 2


def test_a_layer_named_like_a_method_is_no_confusion():
    model = Around(lambda m, h: m.mean(h).mean((2, 3)), mean=nn.ReLU()).eval()
    network = prepare(model, ActivationConfig(levels=4, threshold=1.0)).eval()
    assert list(activations(network)) == ["mean"]
    h = quantise(model.conv(images()), torch.tensor(1.0), 4)
    assert torch.allclose(network(images()), model.fc(h.mean((2, 3))), atol=1e-6)


def test_a_subclass_of_relu_is_replaced():
    class MyReLU(nn.ReLU):
        pass

    assert len(activations(prepare(Around(lambda m, h: m.relu(h), relu=MyReLU())))) == 1


def test_configuration_reaches_every_layer():
    network = prepare(models.build("digits-cnn", classes=3, shape=(1, 8, 8)), FINE)
    layers = activations(network).values()
    assert len(layers) == 3
    assert {layer.levels for layer in layers} == {2**12}
    assert [layer.threshold.item() for layer in layers] == pytest.approx([8.0] * 3)


@pytest.mark.parametrize("name", ["digits-cnn", "resnet20"])
def test_other_layers_keep_their_names_and_the_model_is_untouched(name):
    model = models.build(name, classes=3, shape=(1, 8, 8))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    kinds = [type(module) for module in model.modules()]
    network = prepare(model)
    state = network.state_dict()
    assert set(before) <= set(state)
    assert all(torch.equal(state[key], before[key]) for key in before)
    added = {key.rsplit(".", 1)[0] for key in set(state) - set(before)}
    assert added == set(activations(network))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.5)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [type(module) for module in model.modules()] == kinds


def test_dropout_follows_the_networks_mode():
    network = prepare(Around(lambda m, h: m.drop(F.relu(h)), drop=nn.Dropout(0.5)))
    assert not torch.equal(network.train()(images()), network(images()))
    assert torch.equal(network.eval()(images()), network(images()))


@pytest.mark.parametrize("training", [False, True])
def test_new_layers_are_in_the_mode_of_the_model(training):
    network = prepare(Around(lambda m, h: F.relu(h)).train(training))
    assert {module.training for module in network.modules()} == {training}


@pytest.mark.parametrize(
    ("body", "modules", "average"),
    [
        (lambda m, h: m.pool(h), {"pool": nn.MaxPool2d(2)}, lambda h: F.avg_pool2d(h, 2)),
        (lambda m, h: m.pool(h), {"pool": nn.MaxPool2d(3, 1, 1)},
         lambda h: F.avg_pool2d(h, 3, 1, 1)),
        (lambda m, h: m.pool(h), {"pool": nn.MaxPool2d(3, ceil_mode=True)},
         lambda h: F.avg_pool2d(h, 3, ceil_mode=True)),
        (lambda m, h: m.pool(h), {"pool": nn.AdaptiveMaxPool2d((1, 2))},
         lambda h: F.adaptive_avg_pool2d(h, (1, 2))),
        (lambda m, h: F.max_pool2d(h, 2), {}, lambda h: F.avg_pool2d(h, 2)),
        (lambda m, h: F.max_pool2d(h, (2, 1), stride=1), {},
         lambda h: F.avg_pool2d(h, (2, 1), stride=1)),
        (lambda m, h: F.max_pool2d(h, kernel_size=3, stride=2, padding=1, ceil_mode=True), {},
         lambda h: F.avg_pool2d(h, 3, 2, 1, ceil_mode=True)),
        (lambda m, h: F.max_pool2d(input=h, kernel_size=2), {}, lambda h: F.avg_pool2d(h, 2)),
        (lambda m, h: torch.max_pool2d(h, 2), {}, lambda h: F.avg_pool2d(h, 2)),
        (lambda m, h: torch.max_pool2d(h, 3, 3, 0, 1, True), {},
         lambda h: F.avg_pool2d(h, 3, ceil_mode=True)),
        (lambda m, h: F.max_pool2d(h, 3, 3, 0, 1, True), {},
         lambda h: F.avg_pool2d(h, 3, ceil_mode=True)),
        (lambda m, h: m.pool(m.pool(h)), {"pool": nn.MaxPool2d(2)},
         lambda h: F.avg_pool2d(F.avg_pool2d(h, 2), 2)),
    ],
    ids=["module", "stride", "ceil", "adaptive", "F", "F stride", "F keywords", "F input",
         "torch", "torch positions", "F positions", "twice"],
)  # fmt: skip
def test_maximum_pools_become_average_pools_and_say_so(body, modules, average):
    model = Around(lambda m, h: F.relu(body(m, h)), **modules).eval()
    with pytest.warns(UserWarning, match="MaxPool2d `.*` is replaced by an average pool"):
        network = prepare(model, FINE).eval()
    with torch.no_grad():
        expected = model.fc(torch.flatten(F.relu(average(model.conv(images()))), 1))
        assert torch.allclose(network(images()), expected, atol=5e-3)


def test_the_warning_points_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepare(Around(lambda m, h: F.relu(m.pool(h)), pool=nn.MaxPool2d(2)))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("shape", ["x.size(0), -1", "x.shape[0], -1", "-1, 64", "(x.size(0), 64)"])
@pytest.mark.parametrize("method", ["view", "reshape"])
def test_reshaping_each_image_is_fine_in_any_memory_layout(shape, method):
    namespace = {}
    exec(f"def body(m, h):\n x = m.relu(h)\n return x.{method}({shape})", namespace)
    model = Around(namespace["body"], relu=nn.ReLU()).eval()
    network = prepare(model, FINE).eval()
    x = images().contiguous(memory_format=torch.channels_last)
    assert torch.allclose(network(x), model(images()), atol=5e-3)


@pytest.mark.parametrize(
    "body",
    [
        lambda m, h: F.relu(h) * 0.5,
        lambda m, h: 0.5 * F.relu(h),
        lambda m, h: torch.mul(F.relu(h), 2),
        lambda m, h: F.relu(h) / 2,
        lambda m, h: 1 - F.relu(h),
        lambda m, h: torch.cat([F.relu(h), F.relu(-h)], dim=1),
        lambda m, h: torch.add(F.relu(h), F.relu(-h), alpha=2),
        lambda m, h: F.pad(F.relu(h), (1, 1)),
        lambda m, h: F.relu(h).mean(dim=(2, 3), keepdim=True),
        lambda m, h: torch.flatten(F.relu(h), start_dim=1),
        lambda m, h: torch.cat([F.relu(h), F.relu(-h)], dim=-1),
        lambda m, h: F.relu(h).flatten(-1),
        lambda m, h: F.relu(h).mean(-1),
        lambda m, h: F.adaptive_avg_pool2d(F.relu(h), 1),
        lambda m, h: F.relu(h).add_(F.relu(-h)),
        lambda m, h: operator.isub(F.relu(h), F.relu(-h)),
        lambda m, h: _written_over(F.relu(h), F.relu(-h)),
        lambda m, h: _after(F.relu(h), lambda y: operator.iadd(y, 0.5)),
        lambda m, h: _after(F.relu(h), lambda y: operator.isub(y, 0.5)),
        lambda m, h: _after(F.relu(h), lambda y: operator.imul(y, 0.5)),
        lambda m, h: _after(F.relu(h), lambda y: operator.itruediv(y, 2)),
        lambda m, h: _after(h, lambda y: operator.iadd(y, 0.5), F.relu_, lambda y: y.add_(1)),
        lambda m, h: _sizes_in_place(F.relu(h)),
        lambda m, h: F.relu(h) * m.conv.bias,
    ],
)
def test_affine_operations_are_taken(body):
    model = Around(body).eval()
    assert torch.allclose(prepare(model, FINE).eval()(images()), model(images()), atol=1e-2)


def test_a_view_that_is_not_read_after_its_memory_was_written_is_fine():
    model = Around(lambda m, h: m.relu(m.drop(h)), relu=nn.ReLU(inplace=True), drop=nn.Dropout())
    model.eval()
    assert torch.allclose(prepare(model, FINE).eval()(images()), model(images()), atol=1e-2)


def test_a_module_may_have_the_name_of_a_method():
    model = Around(lambda m, h: m.add_(F.relu(h)), add_=nn.Identity()).eval()
    assert torch.allclose(prepare(model, FINE).eval()(images()), model(images()), atol=1e-2)


@pytest.mark.parametrize(
    "body",
    [
        lambda m, h: F.relu(h).reshape(shape=(-1, 64)),
        lambda m, h: torch.flatten(input=F.relu(h), start_dim=1),
        lambda m, h: torch.div(input=F.relu(h), other=2),
    ],
)
def test_arguments_may_be_given_by_name(body):
    model = Around(body).eval()
    assert torch.allclose(prepare(model, FINE).eval()(images()), model(images()), atol=1e-2)


def test_a_lone_activation_is_a_network():
    network = prepare(nn.ReLU(), ActivationConfig(threshold=1.0))
    assert len(activations(network)) == 1
    assert isinstance(next(iter(activations(network).values())), QuantisedReLU)
    assert network(torch.tensor([[0.6]])).item() == 0.5
