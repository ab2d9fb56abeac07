"""What is said of a machine, and that it is seen where something is wrong."""

import os

import pytest
import torch

from resnoise.config.execution import ExecutionConfig
from resnoise.doctor import correctness, examination, overhead, speed
from resnoise.doctor.finding import Finding
from resnoise.metrics import Latency
from tests.command_line import resnoise
from tests.recorded_graphs import graphs  # noqa: F401 - a fixture

CPU = torch.device("cpu")


def test_every_look_is_told_and_what_fails_ends_no_other(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no kernel image\nfor this device")

    monkeypatch.setattr(speed, "epoch", fail)
    monkeypatch.setattr(overhead, "overhead", lambda *_: Finding("R(8)", "1.00"))
    monkeypatch.setattr(correctness, "gradients", lambda *_: Finding("gradients", "right", True))
    done = resnoise("doctor", "--quick", "--device", "cpu", cwd=tmp_path, status=1)
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "  device", "✓ precision", "✓ backends", "  loader", "✗ nq resnet20", "✗ qcfs resnet20",
        "  R(8)", "✓ gradients",
    ]  # fmt: skip
    assert lines[4].endswith("failed: no kernel image")


def test_what_there_was_no_time_for_is_named():
    found = list(examination.examine(ExecutionConfig(device="cpu"), quick=True, seconds=1e-9))
    assert all("left out, for want of time" in one.found for one in found[1:])
    assert len(found) == 8


def test_a_busy_machine_is_told(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for load, busy in ((2.0, False), (6.25, True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        (device, *_) = examination.examine(ExecutionConfig(device="cpu"), quick=True, seconds=1e-9)
        assert ("; busy, with a load of 6.2: take no figures" in device.found) is busy


def test_a_cpu_is_spared_the_large_networks_and_that_is_said():
    found = list(examination.examine(ExecutionConfig(device="cpu"), seconds=1e-9))
    names = [one.name for one in found]
    assert names[4:] == ["nq resnet20", "qcfs resnet20", "R(8) resnet20", "compiled gradients",
                         "vgg16, resnet18"]  # fmt: skip
    assert found[-1].found.startswith("left out on a CPU")


def test_an_epoch_is_extrapolated_to_all_images():
    found = speed.epoch("qcfs", "digits-cnn", ExecutionConfig(device="cpu"), 100, 32)
    assert " s an epoch; the first of 100 images took" in found.found
    assert found.is_well is None


@pytest.mark.parametrize(("patience", "compile", "epochs"), [(0, False, 1), (99, False, 2)])
def test_an_epoch_that_takes_long_is_not_done_twice(patience, compile, epochs, monkeypatch):
    done = []
    run_epoch = speed.Trainer.run_epoch
    monkeypatch.setattr(speed.Trainer, "run_epoch", lambda t: (done.append(t), run_epoch(t)))
    monkeypatch.setattr(speed, "PATIENCE", patience)
    execution = ExecutionConfig(device="cpu", compile=compile)
    assert " s an epoch; " in speed.epoch("qcfs", "digits-cnn", execution, 100, 32).found
    assert len(done) == epochs


def test_a_step_over_a_forward_pass_is_said_of_every_backend(monkeypatch):
    timed = []

    def alternate(functions, *, repeats, warmup, device):
        shapes = functions["spiking"]().shape, functions["plain"]().shape
        timed.append(shapes)
        return {"spiking": Latency(8.0 + len(timed), 0.0), "plain": Latency(1.0, 0.0)}

    monkeypatch.setattr(overhead, "alternate", alternate)
    monkeypatch.setattr(overhead.backends, "available", lambda: ["reference", "norse"])
    found = overhead.overhead(CPU, "digits-cnn", ExecutionConfig(device="cpu"), (2, 3))
    assert timed == [((8, 2, 10), (2, 10)), ((8, 3, 10), (3, 10))] * 2
    assert found == Finding(
        "R(8) digits-cnn", "reference 1.12 / 1.25, norse 1.38 / 1.50 on 2 / 3 images", None
    )


def test_both_are_timed_as_graphs_where_there_are(graphs, monkeypatch):  # noqa: F811
    monkeypatch.setattr(overhead.backends, "available", lambda: ["snntorch"])
    overhead.overhead(CPU, "digits-cnn", ExecutionConfig(device="cpu"), (3,))
    calls = overhead.WARMUP + overhead.REPEATS
    # The first simulation is launched, the second captured.
    assert sorted(graph.replays for graph in graphs) == [calls - 1, calls]


def test_wrong_gradients_and_spikes_are_seen(monkeypatch):
    monkeypatch.setattr(correctness, "compiled", lambda loss: lambda network: 0 * loss(network))
    assert correctness.gradients(CPU, "digits-cnn").is_well is False
    monkeypatch.setattr(correctness, "compiled", lambda loss: loss)
    assert correctness.gradients(CPU, "digits-cnn").is_well is True
    simulate = correctness.simulate
    monkeypatch.setattr(
        correctness,
        "simulate",
        lambda network, *rest: simulate(network, *rest) + (network.backend == "norse"),
    )
    found = correctness.parity(CPU, "digits-cnn")
    assert (found.found, found.is_well) == ("norse differ", False)
    monkeypatch.setattr(correctness, "convolution_error", lambda device: 1e-3)
    assert correctness.precision(CPU).is_well is False


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_passes_every_check():
    execution = ExecutionConfig(device="cuda", bf16=True, compile=True)
    found = list(examination.examine(execution, quick=True))
    assert [one for one in found if one.is_well is False] == []
