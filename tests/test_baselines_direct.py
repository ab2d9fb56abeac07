"""Direct training: the libraries' leaky neurons against a loop written by hand, losses, limits."""

import copy

import numpy as np
import pytest
import torch
from resnoise_baselines.direct import (
    Direct,
    Spec,
    cross_entropy_of_mean,
)
from torch import nn

from resnoise import backends, datasets
from resnoise.config.recipe import Recipe
from resnoise.errors import ConfigError
from resnoise.training import checkpoint
from resnoise.training.job import Job
from resnoise.training.trainer import train

BETA, THETA = 0.5, 1.0
RECIPE = Recipe()
every_backend = pytest.mark.parametrize("backend", backends.available())


def convolutional():
    """Two convolutions, one with BatchNorm, and two linear layers, for images [N, 2, 6, 6]."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(),
        nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # so that every layer fires
    return model


def direct(model, backend, timesteps=4):
    return Direct().network(model, Spec(backend, timesteps).name, RECIPE)


def step(x):
    """[x > 0], and 1 / (1 + |x|)² to autograd, which is the derivative of x / (1 + |x|)."""
    soft = x / (1 + x.abs())
    return (x > 0).to(x.dtype) + (soft - soft.detach())


def by_hand(model, images, timesteps):
    """Logits [T, N, classes], layer by layer, and how close any membrane came to the threshold."""
    x = images.expand(timesteps, *images.shape)
    margin = np.inf
    for module in model:
        if not isinstance(module, nn.ReLU):
            x = module(x.flatten(0, 1)).unflatten(0, (timesteps, -1))
            continue
        v = torch.zeros_like(x[0])
        spikes = []
        for current in x:
            u = BETA * v + current
            margin = min(margin, (u - THETA).abs().min().item())
            spikes.append(step(u - THETA))
            v = u - THETA * spikes[-1]
        x = THETA * torch.stack(spikes)
    return x, margin


@torch.no_grad()
def put_on_grid_(model, seed=0):
    """Weights in eighths and a BatchNorm that does nothing: float32 adds them up exactly."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            for parameter in module.parameters():
                parameter.copy_(torch.randint(-6, 7, parameter.shape, generator=generator) / 8)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
    return model.eval()


def images(n, seed=0):
    return torch.randn(n, 2, 6, 6, generator=torch.Generator().manual_seed(seed))


@every_backend
def test_spikes_equal_loop_by_hand_exactly(backend):
    model = put_on_grid_(convolutional())
    grid = torch.randint(-4, 9, (5, 2, 6, 6), generator=torch.Generator().manual_seed(1)) / 4
    expected, margin = by_hand(copy.deepcopy(model).double(), grid.double(), 4)
    assert margin == 0, "the case has to have ties, where none of the libraries fires"
    got, _ = direct(model, backend).eval()(grid, 4)
    assert torch.equal(got.double(), expected)
    assert got.unique().numel() > 10, "the case has to have neurons of all layers that fire"


@every_backend
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_training_step_equals_loop_by_hand(backend, layout):
    model = convolutional()
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    expected, margin = by_hand(model, images(6), 4)
    assert margin > 1e-5, "the case must not be so close to a tie that rounding decides"
    network = direct(model, backend).train().to(memory_format=layout)
    got, _ = network(images(6).contiguous(memory_format=layout), 4)
    torch.testing.assert_close(got, expected)

    cross_entropy_of_mean(got, labels).backward()
    cross_entropy_of_mean(expected, labels).backward()
    for parameter, by_name in zip(network.parameters(), model.parameters(), strict=True):
        assert by_name.grad.abs().max() > 1e-4
        torch.testing.assert_close(parameter.grad, by_name.grad, rtol=1e-4, atol=1e-6)


@every_backend
def test_libraries_train_alike_under_autocast(backend):
    results = []
    for name in ("reference", backend):
        network = direct(convolutional(), name).train()
        with torch.autocast("cpu", torch.bfloat16):
            logits, state = network(images(6), 4)
        assert {layer.v.dtype for layer in state} == {torch.float32}
        logits.float().square().sum().backward()
        results.append((logits, *(parameter.grad for parameter in network.parameters())))
    (expected, *gradients), (got, *found) = results
    assert torch.equal(got, expected)
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0.01, atol=0.01 * other.abs().max().item())


@every_backend
def test_checkpoints_over_time_change_no_gradient(backend):
    network = direct(convolutional(), backend).train()
    gradients = []
    for checkpointed in (False, True):
        for layer in network.spiking_layers.values():
            layer.checkpointed = checkpointed
        network.zero_grad()
        logits, _ = network(images(6), 4)
        logits.square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in network.parameters()])
        network.folded()  # nothing of the backward pass stays in the neurons
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_loss_equals_its_formula():
    logits = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 2, 1, 1, 0])
    o, n, y = logits.double().numpy(), np.arange(5), labels.numpy()
    ce = -log_softmax(o.mean(0))[n, y].mean()
    assert cross_entropy_of_mean(logits, labels).item() == pytest.approx(ce, rel=1e-6)


def test_trains_with_its_loss_at_its_timesteps():
    method = Direct()
    (training,) = method.trainings("reference", (6,))
    network = method.network(convolutional(), training.name, RECIPE).eval()
    labels = torch.tensor([0, 1, 2])
    loss, prediction = method.loss(network, images(3), labels)
    logits, _ = network(images(3), 6)
    assert loss == cross_entropy_of_mean(logits, labels)
    assert torch.equal(prediction, logits.mean(0))


def test_one_training_for_each_timestep_and_backend():
    names = [(t.name, t.timesteps) for t in Direct().trainings("norse", (1, 2, 4, 8))]
    assert names == [("direct-ce-norse-T2", (2,)), ("direct-ce-norse-T4", (4,))]
    assert Direct().trainings("norse", (1, 8, 16)) == ()
    assert Spec.parse("direct-ce-snntorch-T6") == Spec("snntorch", 6)


@pytest.mark.parametrize(
    "name", ["qcfs", "direct-ce-norse", "direct-mse-norse-T2", "direct-ce-x-T0"]
)
def test_other_training_names_are_refused(name):
    with pytest.raises(ConfigError, match=f"direct-ce-norse-T2, but got '{name}'"):
        Direct().network(convolutional(), name, RECIPE)


def test_simulates_at_the_trained_timesteps_and_backend_only():
    network = direct(convolutional(), "reference", 4)
    with pytest.raises(ConfigError, match="to be 4, which this network was trained for, but got 2"):
        Direct().simulation(network, "reference")(images(3), 2)
    with pytest.raises(ConfigError, match=r"backend 'reference'.*but got 'norse'"):
        Direct().simulation(network, "norse")


@every_backend
def test_simulation_is_a_folded_snapshot(backend):
    network = direct(convolutional(), backend).train()
    loss, _ = Direct().loss(network, images(6), torch.tensor([0, 1, 2, 0, 1, 2]))
    simulation = Direct().simulation(network, backend)
    before = simulation(images(6, seed=2), 4)
    torch.testing.assert_close(before, network.eval()(images(6, seed=2), 4)[0])
    assert not any(isinstance(m, nn.BatchNorm2d) for m in simulation.network.modules())
    loss.backward()
    torch.optim.SGD(network.parameters(), lr=0.5).step()
    assert torch.equal(simulation(images(6, seed=2), 4), before)
    assert not torch.equal(network(images(6, seed=2), 4)[0], before), "the step changed nothing"


def test_validation_counts_right_predictions():
    network = direct(convolutional(), "reference").eval()
    with torch.no_grad():
        predicted = network(images(6), 4)[0].mean(0).argmax(-1)
    labels = torch.where(torch.arange(6) < 4, predicted, (predicted + 1) % 3)
    batches = [(images(6)[:5], labels[:5]), (images(6)[5:], labels[5:])]
    assert Direct().validate_(network, batches, RECIPE) == (4 / 6, {})


@every_backend
def test_trains_on_digits_and_loads_again(backend, tmp_path):
    job = Job(
        Direct(),
        Spec(backend, 2).name,
        "digits-cnn",
        datasets.load("digits", seed=0),
        Recipe(epochs=1, batch_size=32, learning_rate=0.1, warmup_epochs=0.2),
    )
    path = train(job, tmp_path)
    accuracy = checkpoint.read_info(path).validation_accuracy
    assert accuracy > 0.8
    validation = datasets.batches(job.data.validation, 100)
    assert Direct().validate_(job.load(path), validation, job.recipe).accuracy == accuracy
