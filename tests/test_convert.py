"""Conversion against loops over time by hand, and against the source network where they agree."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Shortcut, grid_images, images, neurons_by_hand, plain, put_on_grid_, source
from torch import nn
from torch.nn import functional as F

from resnoise import backends
from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations, quantise
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.errors import BackendError, ConfigError, ConversionError


@pytest.mark.parametrize("backend", backends.available())
def test_whole_network_step_by_step(backend):
    network = source(plain()).double()
    x = images(3, 2, 4, 4).double()
    layers = neurons_by_hand(network)
    expected = []
    for _ in range(6):
        h = x
        for name, module in network.named_children():  # BatchNorm unfolded
            h = layers[name](h) if name in layers else module(h)
        expected.append(h)
    logits, state = convert(network, backend)(x, 6)
    assert logits.shape == (6, 3, 3)
    assert torch.allclose(logits, torch.stack(expected), atol=1e-9)
    assert len({tuple(step) for step in logits[:, 0].tolist()}) > 1
    for got, layer in zip(state, layers.values(), strict=True):
        assert np.allclose(got.v.numpy(), layer.v, atol=1e-9)


def test_whole_network_step_by_step_exactly():
    network = source(plain())
    put_on_grid_(network)
    x = grid_images(3, 2, 4, 4)
    layers = neurons_by_hand(network)
    expected = []
    for _ in range(4):
        h = x
        for name, module in network.named_children():
            h = layers[name](h) if name in layers else module(h)
        expected.append(h)
    logits, state = convert(network)(x, 4)
    assert torch.equal(logits, torch.stack(expected))
    for got, layer in zip(state, layers.values(), strict=True):
        assert np.array_equal(got.v.numpy(), layer.v)


def test_a_shortcut_from_before_the_first_relu():
    network = source(Shortcut()).double()
    m = dict(network.named_children())
    x = images(3, 2, 4, 4, seed=1).double()
    layers = neurons_by_hand(network)
    expected = []
    for _ in range(5):
        h = m["stem"](x)
        h = layers["relu2"](m["conv"](layers["relu1"](h)) + h)
        expected.append(m["fc"](h.flatten(1)))
    logits, _ = convert(network)(x, 5)
    assert torch.allclose(logits, torch.stack(expected), atol=1e-9)


@pytest.mark.parametrize("model", [plain(), Shortcut()], ids=["plain", "shortcut"])
def test_the_static_part_is_computed_once(model):
    network = convert(source(model))
    seen = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(
                lambda m, inputs, output, name=name: seen.setdefault(name, []).append(
                    len(inputs[0])
                )
            )
    network(images(3, 2, 4, 4), 4)
    first, *others = seen.values()
    assert first == [3]
    assert others
    assert all(calls == [12] for calls in others)


def test_batch_norm_is_gone():
    network = convert(source(plain()))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@settings(deadline=None)
@given(
    levels=st.integers(1, 12),
    threshold=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    eighths=st.lists(st.integers(-200, 400), min_size=1, max_size=20),
)
def test_rate_of_one_layer_is_the_activation_at_t_equal_l(levels, threshold, eighths):
    network = prepare(nn.Sequential(nn.ReLU()), ActivationConfig(levels, threshold)).eval()
    assert network.get_submodule("0").threshold.item() == threshold
    # On this grid ties of the rounding, and membranes exactly at θ, are common.
    z = torch.tensor(eighths, dtype=torch.float32).unsqueeze(1) * threshold / 96
    z = (z * 256).round() / 256
    logits, _ = convert(network)(z, levels)
    spikes = logits.sum(0) / threshold
    assert torch.equal(spikes, torch.round(network(z) * levels / threshold))
    if levels in (1, 2, 4, 8):
        assert torch.equal(logits.mean(0), network(z))


@pytest.mark.parametrize("model", ["digits-cnn", "resnet20"])
def test_the_first_layer_is_the_source_networks(model):
    network = source(model, levels=4).double()
    first = next(iter(activations(network)))
    spiking = convert(network)
    seen = {}
    network.get_submodule(first).register_forward_hook(
        lambda module, inputs, output: seen.update(ann=output)
    )
    spiking.spiking_layers[first].register_forward_hook(
        lambda module, inputs, output: seen.update(snn=output[0])
    )
    x = images(2, 3, 32, 32).double()
    network(x)
    spiking(x, 4)
    rate = seen["snn"].unflatten(0, (4, 2)).mean(0)
    assert torch.allclose(rate, seen["ann"], atol=1e-9)
    assert len(rate.unique().round(decimals=6).unique()) == 5


@pytest.mark.parametrize("backend", backends.available())
def test_one_level_loses_nothing_at_one_step(backend):
    # A neuron at v = θ/2 fires at once where the activation rounds up to λ, in every layer alike.
    network = source("resnet20", levels=1).double()
    x = images(2, 3, 32, 32).double()
    logits, _ = convert(network, backend)(x, 2)
    assert torch.allclose(logits[0], network(x), atol=1e-9)
    assert not torch.allclose(logits.mean(0), network(x), atol=1e-9)


def test_the_source_network_is_left_as_it_was():
    network = source(plain()).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    code = network.code
    for layer in activations(network).values():
        layer.seed_noise_(torch.Generator())
    seeds = [layer.noise_seed for layer in activations(network).values()]
    spiking = convert(network)
    x = images(3, 2, 4, 4)
    logits, _ = spiking(x, 4)
    assert network.training
    assert network.code == code
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert [layer.noise_seed for layer in activations(network).values()] == seeds
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1.0)
    assert torch.equal(spiking(x, 4)[0], logits)


def test_the_result_is_for_evaluation():
    spiking = convert(source(plain()).train())
    assert not any(module.training for module in spiking.modules())
    assert not any(parameter.requires_grad for parameter in spiking.parameters())
    assert spiking.backend == "reference"
    assert spiking.layers == ("2", "5", "9")
    assert list(spiking.spiking_layers) == ["2", "5", "9"]


def test_thresholds_are_those_of_the_source():
    network = source(plain())
    expected = [layer.threshold.item() for layer in activations(network).values()]
    spiking = convert(network)
    assert [layer.threshold.item() for layer in spiking.spiking_layers.values()] == expected
    assert len(set(expected)) == 3


@pytest.mark.parametrize("backend", backends.available())
def test_states_carry_on_in_time(backend):
    network = source(plain())
    put_on_grid_(network)
    spiking = convert(network, backend)
    x = grid_images(3, 2, 4, 4)
    whole, whole_state = spiking(x, 4)
    first, state = spiking(x, 1)
    kept = [layer.v.clone() for layer in state]
    rest, end_state = spiking(x, 3, state)
    assert torch.equal(torch.cat([first, rest]), whole)
    for a, b in zip(end_state, whole_state, strict=True):
        assert torch.equal(a.v, b.v)
    for a, b in zip(state, kept, strict=True):  # what was passed in is not overwritten
        assert torch.equal(a.v, b)


class Body(nn.Module):
    """A model from a function of the module and the images [N, 3]."""

    def __init__(self, body):
        super().__init__()
        self.relu = nn.ReLU()
        self.p = nn.Parameter(torch.tensor([0.25, -0.5, 1.0]))
        self.register_buffer("mean", torch.tensor([-0.5, 0.25, 1.0]))
        self.body = body

    def forward(self, x):
        return self.body(self, x)


@pytest.mark.parametrize(
    "body",
    [
        lambda m, x: m.relu(x) + m.p,
        lambda m, x: m.relu(x) - (-m.p),
        lambda m, x: m.relu(x) + 2 * m.p.view(-1),
        lambda m, x: m.relu(x + m.p),
        lambda m, x: 1 - 0.5 * m.relu(x),
        lambda m, x: torch.cat([m.relu(x), x], 1),
        lambda m, x: torch.cat([x, m.relu(x), F.relu(-x)], dim=1),
        lambda m, x: m.relu(x).reshape(-1, 3),
        lambda m, x: (lambda h: h.view(h.shape[0], -1))(m.relu(x)),
        lambda m, x: (lambda h: h.reshape(h.size(0), 3))(m.relu(x)),
        lambda m, x: (lambda h: h.view(h.size(0), h.shape[1] * h.shape[1] // 3))(m.relu(x)),
        lambda m, x: x - m.relu(x),
        lambda m, x: m.relu(x) + F.relu(-x),
        lambda m, x: m.p * m.relu(m.p * x),
        lambda m, x: m.relu((x - m.mean) / m.p) / m.mean,
    ],
)
def test_affine_surroundings_of_a_layer_commute_with_time(body):
    # One layer at T = L: the mean over time is the source network's output, exactly.
    network = prepare(Body(body), ActivationConfig(levels=4, threshold=1.0)).eval()
    x = torch.arange(-9, 12, dtype=torch.float32).view(7, 3) / 8
    logits, _ = convert(network)(x, 4)
    assert torch.equal(logits.mean(0), network(x))


def test_layers_may_be_named_like_methods():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = nn.ReLU()

        def forward(self, x):
            return self.mean(x).mean(-1, keepdim=True)

    network = prepare(Named(), ActivationConfig(levels=4, threshold=1.0)).eval()
    x = torch.arange(-4, 12, dtype=torch.float32).view(4, 4) / 4
    assert torch.equal(convert(network)(x, 4)[0].mean(0), network(x))


@pytest.mark.parametrize("name", ["state", "timesteps", "images", "input"])
def test_the_input_may_have_any_name(name):
    namespace = {"nn": nn}
    exec(
        "class Named(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.relu = nn.ReLU()\n"
        f"    def forward(self, {name}):\n"
        f"        return self.relu({name})\n",
        namespace,
    )
    network = prepare(namespace["Named"](), ActivationConfig(levels=4, threshold=1.0)).eval()
    x = torch.tensor([[0.25, 0.5]])
    assert torch.equal(convert(network)(x, 4)[0].mean(0), quantise(x, torch.tensor(1.0), 4))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (lambda m, x: m.relu(x).view(x.size(0), -1), "size"),
        (lambda m, x: m.relu(x).view(-1, 1 * x.size(1)), "mul"),
    ],
)
def test_a_size_from_before_the_first_relu_is_refused(body, name):
    network = prepare(Body(body))
    with pytest.raises(ConversionError, match=rf"`view`.*`{name}`.*before the first ReLU"):
        convert(network)


def test_logits_that_no_neuron_reaches_are_refused():
    network = prepare(Body(lambda m, x: (m.relu(x), x + 1)[1]))
    with pytest.raises(ConversionError, match="logits that depend on an activation"):
        convert(network)


@pytest.mark.parametrize("backend", backends.available())
@pytest.mark.parametrize("model", [plain(), Shortcut()], ids=["plain", "shortcut"])
def test_a_converted_network_can_be_saved_whole(model, backend):
    spiking = convert(source(model), backend)
    file = io.BytesIO()
    torch.save(spiking, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    x = images(3, 2, 4, 4)
    logits, state = spiking(x, 2)
    loaded_logits, loaded_state = loaded(x, 2)
    assert torch.equal(loaded_logits, logits)
    assert torch.equal(loaded(x, 2, loaded_state)[0], spiking(x, 2, state)[0])


@pytest.mark.parametrize("model", [nn.Sequential(nn.ReLU()), torch.fx.symbolic_trace(plain())])
def test_a_model_that_was_not_prepared(model):
    with pytest.raises(ConversionError, match=r"resnoise.prepare\(model\), but got"):
        convert(model)


def test_an_unknown_backend():
    with pytest.raises(BackendError, match="unknown backend 'lava'; known: reference, norse, snn"):
        convert(source(plain()), "lava")


@pytest.mark.parametrize("timesteps", [0, -1, 2.0, True])
def test_timesteps_are_checked(timesteps):
    spiking = convert(source(plain()))
    with pytest.raises(ConfigError, match=f"`timesteps`.*larger than 0, but got {timesteps}"):
        spiking(images(1, 2, 4, 4), timesteps)
