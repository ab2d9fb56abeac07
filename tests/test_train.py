"""The training loop: what it leaves behind, and stopping in time."""

import dataclasses
import math
from unittest.mock import Mock

import pytest
import torch
from tiny_job import METHODS, tiny_data, tiny_job
from torch import nn
from watched import WATCHED, with_method

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.conversion.activation import activations, quantise
from resnoise.conversion.converter import convert
from resnoise.datasets import batches, load
from resnoise.errors import ConfigError, ConversionError, DataError, StorageError, TrainingError
from resnoise.simulation.simulator import predictions, simulate
from resnoise.training import checkpoint
from resnoise.training.trainer import train


def timeless(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_equal_jobs_give_equal_networks_and_other_seeds_others(uninterrupted, tmp_path):
    train(tiny_job(), tmp_path / "same")
    train(tiny_job(seed=1), tmp_path / "other")
    expected_info, expected = checkpoint.read(uninterrupted / "last.json")
    info, same = checkpoint.read(tmp_path / "same" / "last.json")
    _, other = checkpoint.read(tmp_path / "other" / "last.json")
    assert all(torch.equal(same[name], expected[name]) for name in expected)
    assert timeless(info.history) == timeless(expected_info.history)
    assert not torch.equal(other["0.weight"], expected["0.weight"])


def test_a_training_leaves_the_random_numbers_of_the_caller_alone(tmp_path, monkeypatch):
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    job = tiny_job(epochs=1)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", Mock(side_effect=AssertionError))
    train(job, tmp_path)
    assert torch.equal(torch.rand(2), expected)


def test_bfloat16_is_refused_where_it_cannot_tell_the_levels_apart(tmp_path):
    grid = torch.arange(129) / 128
    counted = quantise(grid.bfloat16(), torch.tensor(1.0), 128) * 128
    assert torch.equal(counted.float(), torch.arange(129).float())
    job = tiny_job(activation=ActivationConfig(levels=129))
    with pytest.raises(ConfigError, match=r"at most 128 levels in bfloat16.*got 129"):
        train(job, tmp_path, ExecutionConfig(bf16=True))


def test_what_cannot_be_converted_is_found_before_the_first_step(tmp_path):
    class LateShape(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 2, 1), nn.Linear(128, 2)

        def forward(self, x):
            return self.fc(self.conv(x).relu().view(x.size(0), -1))

    job = dataclasses.replace(tiny_job(), own_model=LateShape())
    with pytest.raises(ConversionError, match="take the shape from the tensor that is reshaped"):
        train(job, tmp_path, progress=lambda *call: pytest.fail("trained a step"))


def test_validation_is_the_spiking_networks_accuracy(uninterrupted):
    job = tiny_job()
    info = checkpoint.read_info(uninterrupted / "best.json")
    network = job.load(uninterrupted / "best.json")
    assert not network.training
    spiking = convert(network)
    timesteps = job.recipe.induction.timesteps
    correct = sum(
        (predictions(simulate(spiking, images, timesteps))[-1] == labels).sum().item()
        for images, labels in batches(job.data.validation, 5)
    )
    assert info.validation_accuracy == pytest.approx(correct / len(job.data.validation))
    accuracies = [row["validation_accuracy"] for row in info.history]
    assert info.validation_accuracy == max(accuracies) == accuracies[-1]
    assert len(info.history) == info.epoch == info.best_epoch


def test_history_tells_of_every_layer(uninterrupted):
    info, tensors = checkpoint.read(uninterrupted / "last.json")
    assert [row["epoch"] for row in info.history] == [1, 2, 3, 4]
    for row in info.history:
        assert set(row["layers"]) == {"2", "7"}
        assert all(
            math.isfinite(value) for layer in row["layers"].values() for value in layer.values()
        )
    for name, layer in info.history[-1]["layers"].items():
        assert tensors[f"{name}.sigma"].item() == pytest.approx(layer["sigma"])
    assert info.history[-1]["layers"]["7"]["sigma"] > 0


def test_noise_starts_after_the_first_epoch_and_never_for_qcfs(tmp_path):
    states = {}
    for name in METHODS:
        method = WATCHED[name]()
        train(with_method(tiny_job(name, epochs=2), method), tmp_path / name)
        states[name] = method.states
        first, second = method.sigmas[:3], method.sigmas[3:]
        assert first == [[0.0, 0.0]] * 3
        assert all((step[1] > 0) == (name == "nq") for step in second)
        layers = checkpoint.read_info(tmp_path / name / "last.json").history[0]["layers"]
        if name == "nq":
            recorded = [layer["sigma"] for layer in layers.values()]
            assert second[0] == pytest.approx(recorded)
        else:
            assert layers["7"]["sigma"] > 0  # measured all the same
    nq, qcfs = states["nq"], states["qcfs"]
    assert torch.equal(nq[0]["0.weight"], qcfs[0]["0.weight"])
    assert not torch.equal(nq[1]["0.weight"], qcfs[1]["0.weight"])


def test_the_best_epoch_is_the_later_of_equals(tmp_path):
    method = WATCHED["nq"](accuracies=[0.5, 0.75, 0.75, 0.6])
    best = train(with_method(tiny_job(), method), tmp_path)
    info, tensors = checkpoint.read(best)
    assert (info.epoch, info.best_epoch, info.validation_accuracy) == (3, 3, 0.75)
    assert len(info.history) == 4  # of the whole training, whichever epoch the weights are of
    assert all(torch.equal(tensors[name], value) for name, value in method.states[2].items())
    info, tensors = checkpoint.read(tmp_path / "last.json")
    assert (info.epoch, info.best_epoch, info.validation_accuracy) == (4, 3, 0.6)
    assert all(torch.equal(tensors[name], value) for name, value in method.states[3].items())


def test_thresholds_start_from_the_data_or_where_they_are_told(tmp_path):
    for threshold in ("data", 3.0):
        recipe = Recipe(epochs=1, learning_rate=1e-12, batch_size=16)
        activation = dataclasses.replace(recipe.activation, threshold=threshold)
        job = tiny_job(epochs=1, learning_rate=1e-12, activation=activation)
        network = job.load(train(job, tmp_path / str(threshold)))
        got = [layer.threshold.item() for layer in activations(network).values()]
        if threshold == "data":
            assert got[0] != got[1]
            assert all(0.5 < value < 3 for value in got)
        else:
            assert got == pytest.approx([3.0, 3.0])


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_epoch(tmp_path):
    job = with_method(tiny_job(), WATCHED["nq"](diverge_at=7))
    with pytest.raises(TrainingError, match=r"not finite in epoch 3.*last.json.*than 0.1"):
        train(job, tmp_path)
    info, tensors = checkpoint.read(tmp_path / "last.json")
    assert info.epoch == 2
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    job.load(tmp_path / "best.json")


@pytest.mark.parametrize("method", METHODS)
def test_weights_that_are_not_finite_are_not_saved(method, tmp_path):
    # One step an epoch, of a loss that is finite and a gradient that is not once it is multiplied.
    job = tiny_job(method, learning_rate=1e38, warmup_epochs=0, batch_size=48)
    job = with_method(job, WATCHED[method](scale=1e9))
    with pytest.raises(TrainingError, match=r"not finite in epoch 1.*none yet.*than 1e\+38"):
        train(job, tmp_path)
    assert not any(path.suffix == ".json" for path in tmp_path.iterdir())


def test_an_unwritable_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot make the directory"):
        train(tiny_job(epochs=1), tmp_path / "file" / "run")


def test_weights_that_are_tied_are_kept(tmp_path):
    first, second = nn.Linear(64, 64), nn.Linear(64, 64)
    second.weight = first.weight
    model = nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), nn.Linear(64, 2))
    job = dataclasses.replace(tiny_job(epochs=1), own_model=model)
    weights = job.load(train(job, tmp_path)).state_dict()
    assert torch.equal(weights["1.weight"], weights["3.weight"])


def test_data_that_another_seed_dealt_out_are_refused():
    data = load("digits", seed=1)
    with pytest.raises(ConfigError, match="seed 0, but got digits dealt out by seed 1"):
        dataclasses.replace(tiny_job(), data=data)


def test_images_of_another_channel_count(tmp_path):
    job = dataclasses.replace(tiny_job(), own_model=nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    with pytest.raises(DataError, match=r"tiny does not take images of shape \(1, 8, 8\).*channel"):
        train(job, tmp_path)


def test_a_model_of_another_number_of_classes(tmp_path):
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    job = dataclasses.replace(tiny_job(), own_model=model)
    with pytest.raises(DataError, match=r"logits of shape \(1, 2\) .*got \(1, 3\)"):
        train(job, tmp_path)


def test_a_model_that_gives_more_than_logits(tmp_path):
    class WithFeatures(nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :2], x

    with pytest.raises(DataError, match=r"logits of shape \(1, 2\) .*got tuple"):
        train(dataclasses.replace(tiny_job(), own_model=WithFeatures()), tmp_path)


def test_a_model_of_ones_own_keeps_what_is_frozen_in_it():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    model[0].eval()
    assert dataclasses.replace(tiny_job(), own_model=model).model() is model
    assert [module.training for module in model] == [False, True, True, True]


def test_progress_counts_every_epoch_to_the_end(tmp_path):
    calls = []
    train(tiny_job(epochs=2), tmp_path, progress=lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == 6
    assert {call[1] for call in calls} == {6}
    assert all("loss" in call[2] for call in calls)


@pytest.mark.parametrize(
    ("execution", "tolerance"),
    [
        (ExecutionConfig(workers=1), 0.0),
        (ExecutionConfig(channels_last=False), 5e-3),  # other sums, and flips at a quantum's edge
        (ExecutionConfig(bf16=True), 0.05),
    ],
    ids=["worker", "contiguous", "bf16"],
)
def test_execution_changes_rounding_only(execution, tolerance, tmp_path):
    networks = []
    for index, how in enumerate((ExecutionConfig(device="cpu"), execution)):
        job = tiny_job(epochs=1, learning_rate=0.01)
        networks.append(job.load(train(job, tmp_path / str(index), how)))
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert torch.allclose(one, other, rtol=0, atol=tolerance)


def test_a_compiler_is_shown_batches_of_one_size(monkeypatch, tmp_path):
    shown = []

    def fake_compile(loss):
        def compiled(network, images, labels):
            shown.append(len(labels))
            return loss(network, images, labels)

        return compiled

    monkeypatch.setattr(torch, "compile", fake_compile)
    done = []
    job = tiny_job(epochs=2, batch_size=20)
    train(job, tmp_path, ExecutionConfig(compile=True), progress=lambda *call: done.append(call[0]))
    assert shown == [20, 20] * 2
    assert done[-1] == 6  # the 8 images that are left over in each epoch were trained on, too


def test_the_test_split_forbids_reading():
    with pytest.raises(AssertionError, match="test split"):
        len(tiny_data().test)
    with pytest.raises(AssertionError, match="test split"):
        tiny_data().test.batch([0])
