"""A training as accelerators run it: from memory of its own, written to disk now and then."""

import contextlib
import math
import sys

import numpy as np
import pytest
import torch
from tiny_job import tiny_job
from torch import nn
from watched import WATCHED, with_method

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import Extensions, Recipe
from resnoise.conversion.activation import activations
from resnoise.conversion.preparation import prepare
from resnoise.datasets import LabelledImages, Normalisation, Split
from resnoise.datasets.loader import Order, batches
from resnoise.datasets.resident import ResidentBatches
from resnoise.training import checkpoint, saving
from resnoise.training.pace import Pace
from resnoise.training.step import Step
from resnoise.training.trainer import Trainer, train
from resnoise.utils import replay
from tests.accelerated import accelerated  # noqa: F401 - a fixture

EXTENDED = {
    "gaussian": {},
    "measured": {"extensions": Extensions(distribution="measured", compensate=True)},
    "conditional": {
        "extensions": Extensions(distribution="conditional", residual="local", ramp=0.5)
    },
}


def read(directory, name="last"):
    return checkpoint.read(directory / f"{name}.json")


def require_close(directory, other):
    info, tensors = read(directory)
    expected_info, expected = read(other)
    assert set(tensors) == set(expected)
    for name, tensor in tensors.items():
        assert torch.allclose(tensor, expected[name], rtol=1e-4, atol=1e-6), name
    for row, wanted in zip(info.history, expected_info.history, strict=True):
        assert row["train_loss"] == pytest.approx(wanted["train_loss"], rel=1e-4)
        assert row["validation_accuracy"] == wanted["validation_accuracy"]


@pytest.mark.usefixtures("accelerated")
@pytest.mark.parametrize("kind", EXTENDED)
def test_the_result_depends_on_the_seed_alone(kind, tmp_path):
    job = tiny_job(epochs=3, **EXTENDED[kind])
    for name in ("one", "other"):
        train(job, tmp_path / name)
    (info, tensors), (_, others) = read(tmp_path / "one"), read(tmp_path / "other")
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)
    assert any(layer["sigma"] > 0 for layer in info.history[-1]["layers"].values())
    train(tiny_job(epochs=3, seed=1, **EXTENDED[kind]), tmp_path / "seed")
    assert not torch.equal(read(tmp_path / "seed")[1]["0.weight"], tensors["0.weight"])


@pytest.mark.usefixtures("accelerated")
def test_a_training_that_was_stopped_resumes_to_the_same_result(tmp_path):
    train(tiny_job(), tmp_path / "whole")
    trainer = Trainer(tiny_job(), tmp_path / "stopped")
    for _ in range(2):
        trainer.run_epoch()
    trainer.save()
    train(tiny_job(), tmp_path / "stopped")
    require_close(tmp_path / "stopped", tmp_path / "whole")


def test_without_noise_it_is_the_training_of_a_cpu(tmp_path, monkeypatch):
    from resnoise.utils import device as devices

    # Neither augmentation nor dropout, which are drawn elsewhere.
    job = tiny_job("qcfs")
    object.__setattr__(job.data.train, "_augmentation", job.data.validation._augmentation)
    job.own_model[4] = nn.Identity()
    train(job, tmp_path / "cpu")
    monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
    train(job, tmp_path / "accelerated")
    require_close(tmp_path / "accelerated", tmp_path / "cpu")


@pytest.mark.usefixtures("accelerated")
def test_the_best_epoch_is_kept_until_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "SECONDS", math.inf)
    written = []
    write = checkpoint.write
    monkeypatch.setattr(
        checkpoint, "write", lambda path, *rest: (written.append(path.stem), write(path, *rest))[1]
    )
    method = WATCHED["nq"](accuracies=[0.5, 0.75, 0.5, 0.25])
    train(with_method(tiny_job(), method), tmp_path)
    assert written == ["next-best", "last", "best"]
    info, tensors = read(tmp_path, "best")
    assert (info.epoch, len(info.history), info.validation_accuracy) == (2, 4, 0.75)
    # Its noise is that of the epoch, measured before the weights are kept.
    assert all(torch.equal(tensors[name], x) for name, x in method.states[1].items())
    assert read(tmp_path)[0].epoch == 4
    assert {path.suffix for path in tmp_path.glob("next-best*")} == set()


@pytest.mark.usefixtures("accelerated")
def test_epochs_that_are_to_be_kept_are_written_when_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "SECONDS", math.inf)
    job = tiny_job(epochs=5)
    train(job, tmp_path, ExecutionConfig(keep_epochs=2))
    assert sorted(path.stem for path in tmp_path.glob("epoch-*.json")) == [
        "epoch-0002",
        "epoch-0004",
    ]
    assert [read(tmp_path, name)[0].epoch for name in ("epoch-0004", "last")] == [4, 5]


@pytest.mark.usefixtures("accelerated")
def test_a_kill_between_last_and_best_loses_neither(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "SECONDS", math.inf)
    method = WATCHED["nq"](accuracies=[0.5, 0.75, 0.5, 0.25])
    job = with_method(tiny_job(), method)
    write = checkpoint.write
    with monkeypatch.context() as patch:
        patch.setattr(
            checkpoint,
            "write",
            lambda path, *rest: sys.exit() if path.stem == "best" else write(path, *rest),
        )
        with pytest.raises(SystemExit):
            train(job, tmp_path)
    assert not (tmp_path / "best.json").exists()
    train(job, tmp_path)
    info, tensors = read(tmp_path, "best")
    assert (info.epoch, len(info.history)) == (2, 4)
    assert torch.equal(tensors["0.weight"], method.states[1]["0.weight"])


def coloured(count=40):
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (count, 3, 16, 16), dtype=np.uint8))
    return LabelledImages(
        pixels, np.arange(count) % 5, tuple("abcde"), Normalisation((0.5,) * 3, (0.25,) * 3)
    )


def test_resident_images_are_those_of_the_loader_in_the_same_order():
    split = Split(coloured(), np.arange(5, 38)[::-1].copy())
    cpu = torch.device("cpu")
    for generator in (None, torch.Generator()):
        expected, got = [], []
        for found, one_pass in (
            (expected, batches(split, 8, generator=generator)),
            (got, ResidentBatches(split, Order(len(split), 8, generator), cpu)),
        ):
            for seed in (1, 2):
                if generator is not None:
                    generator.manual_seed(seed)
                found += list(one_pass)
        for (images, labels), (wanted, names) in zip(got, expected, strict=True):
            assert torch.equal(images, wanted)
            assert torch.equal(labels, names)


def test_resident_images_are_augmented_anew_in_every_pass_by_the_seed_alone():
    split = Split(coloured(), np.arange(40), ("crop", "flip", "autoaugment", "cutout"))
    generator = torch.Generator()
    resident = ResidentBatches(
        split, Order(40, 16, generator), torch.device("cpu"), torch.channels_last
    )

    def one_pass(seed):
        generator.manual_seed(seed)
        found = list(resident)
        assert all(x.is_contiguous(memory_format=torch.channels_last) for x, _ in found)
        return torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])

    (first, labels), (other, _), (again, same) = one_pass(0), one_pass(1), one_pass(0)
    assert torch.equal(first, again)
    assert torch.equal(labels, same)
    assert not torch.equal(first, other)
    assert sorted(labels.tolist()) == sorted((np.arange(40) % 5).tolist())


def test_a_replay_runs_from_its_own_memory_and_preparing_it_changes_nothing(monkeypatch):
    monkeypatch.setattr(replay, "warm_up", lambda function: function())
    monkeypatch.setattr(replay, "capture_stream", lambda device: None)
    streams = ["mine"]
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: streams[-1])
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: None)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())

    def refuse(graph, pool, stream):
        streams.append("of the capture")
        raise RuntimeError("operation not permitted when stream is capturing\nand so on")

    monkeypatch.setattr(torch.cuda, "graph", refuse)
    total = torch.zeros(3)
    with pytest.warns(UserWarning, match="a CUDA graph can capture, but got: operation not perm"):
        add = replay.Replay(total.add_, [torch.ones(3)], captured=True, changes=[total])
    assert torch.equal(total, torch.zeros(3))
    assert not add.is_captured
    assert streams == ["mine", "of the capture", "mine"]
    x = torch.ones(3)
    add(x)
    x.fill_(5.0)  # what was given is the caller's again
    add(torch.ones(3))
    assert torch.equal(total, torch.full((3,), 2.0))


def test_a_prepared_step_is_that_of_plain_sgd():
    def trained(replayed):
        torch.manual_seed(0)
        network = prepare(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        for layer in activations(network).values():
            layer.set_threshold_(1.0)
        recipe = Recipe(batch_size=6, weight_decay=0.01)

        def loss(network, x, y):
            logits = network(x)
            return nn.functional.cross_entropy(logits, y), logits

        step = Step(network, loss, recipe, ExecutionConfig(), replayed=replayed)
        if replayed:
            before = {name: x.clone() for name, x in network.state_dict().items()}
            step.prepare((4,), torch.contiguous_format)
            after = network.state_dict()
            assert all(torch.equal(after[name], x) for name, x in before.items())
        step.begin()
        generator = torch.Generator().manual_seed(0)
        for index in range(6):
            count = 6 if index % 3 else 4  # the last batch of an epoch is smaller
            x = torch.randn(count, 4, generator=generator)
            step(x, (x.sum(1) > 0).long(), rate=0.3 / (index + 1))
        return [*network.state_dict().values(), step.losses, step.correct]

    for got, expected in zip(trained(True), trained(False), strict=True):
        assert torch.allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_an_accelerator_is_looked_at_once_a_second(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    pace = Pace(100, accelerated=True)
    looked = []
    for index in range(100):
        now[0] += 0.03 if index else 40.0  # the first step compiles
        if pace.is_time_to_look(index):
            looked.append(index)
    assert looked[0] == 0
    assert looked[1:] == [34, 68, 99]
    assert pace.epoch_seconds(99) == pytest.approx(3.0)
    assert [i for i in range(50) if Pace(50, accelerated=False).is_time_to_look(i)] == [
        0, 20, 40, 49,
    ]  # fmt: skip
