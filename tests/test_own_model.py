"""Plain models of one's own on the command line: found, calibrated, converted, never unpickled."""

import dataclasses

import numpy as np
import pytest
import torch
from command_line import resnoise, run
from safetensors.torch import load_file, save_file
from torch import nn

from resnoise.conversion.activation import activations
from resnoise.conversion.calibration import calibrate_thresholds_
from resnoise.conversion.preparation import prepare
from resnoise.datasets import batches, load
from resnoise.errors import CheckpointError, ConfigError, DataError
from resnoise.evaluation.calibration import calibrated_simulation
from resnoise.methods import get
from resnoise.training.own_model import Calibration, calibrated_job, own_model
from resnoise.utils.seeding import generator_for

SOURCE = """
from torch import nn

def build():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU6(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10),
    )

def number():
    return 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the module `ownnet` and weights that know digits, trained for a second."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "ownnet.py").write_text(SOURCE)
    scope = {}
    exec(SOURCE, scope)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = scope["build"]()
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
        for epoch in range(12):
            order = torch.Generator().manual_seed(epoch)
            for images, labels in batches(load("digits").train, 64, generator=order):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(images), labels).backward()
                optimiser.step()
    save_file(model.state_dict(), folder / "own.safetensors")
    torch.save(model.state_dict(), folder / "own.pth")
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def test_a_plain_network_keeps_its_accuracy_without_training(here):
    shown = run(
        "evaluate", "--model", "ownnet:build", "--weights", "own.safetensors",
        "--timesteps", "1,32", "--backend", "norse",
    )  # fmt: skip
    row = next(line for line in shown.splitlines() if "qcfs" in line)
    plain, quantised, at_1, at_32 = map(float, row.replace("│", " ").split()[2:])
    assert plain > 90
    assert abs(quantised - plain) < 2
    assert abs(at_32 - plain) < 2
    assert at_1 < plain


def test_export_has_the_thresholds_folded_in(here):
    arguments = ("--model", "ownnet:build", "--weights", "own.safetensors")
    run("convert", *arguments, "--per", "layer", "--by", "max", "--out", "layer.safetensors")
    run("convert", *arguments, "--out", "channel.safetensors")
    model, data = own_model("ownnet:build", here / "own.safetensors"), load("digits")
    images = data.calibration(100, generator_for(0, "calibration"))
    expected = calibrate_thresholds_(prepare(model), images, per="layer", by="max")
    layer, channel = load_file("layer.safetensors"), load_file("channel.safetensors")
    for name, threshold in expected.items():
        assert layer[f"{name}.threshold"].item() == pytest.approx(threshold.item(), rel=1e-5)
        assert channel[f"{name}.threshold"].item() == 1.0
    assert np.array_equal(layer["0.weight"], model[0].weight.detach())
    assert not np.array_equal(channel["0.weight"], model[0].weight.detach())


@pytest.mark.parametrize("name", ["srp", "cos", "snm", "signed-if", "ftbc", "ftbc-snm"])
def test_another_method_simulates_it(here, name):
    model, data = own_model("ownnet:build", here / "own.safetensors"), load("digits")
    job, network = calibrated_job(model, "own", data, get(name), Calibration(images=32, levels=4))
    assert [layer.levels for layer in activations(network).values()] == [4, 4]
    images, _ = data.test.batch([0, 1, 2])
    expected = calibrated_simulation(job, network, "reference", 4)(images, 4)
    assert expected.shape == (4, 3, 10)
    for backend in ("norse", "snntorch"):
        logits = calibrated_simulation(job, network, backend, 4)(images, 4)
        assert torch.equal(logits, expected)


def test_a_model_is_copied_once_and_not_changed(here, monkeypatch):
    model, data = own_model("ownnet:build", here / "own.safetensors"), load("digits")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    copied, deepcopy = [], nn.Parameter.__deepcopy__

    def noted(parameter, memo):
        copied.append(parameter)
        return deepcopy(parameter, memo)

    monkeypatch.setattr(nn.Parameter, "__deepcopy__", noted)
    calibrated_job(model, "own", data, get("qcfs"), Calibration(images=32))
    assert len(copied) == len(list(model.parameters()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_one_that_trains_spiking_networks_does_not(here):
    model, data = own_model("ownnet:build"), load("digits")
    with pytest.raises(ConfigError, match="converts a network, but got direct, which trains"):
        calibrated_job(model, "own", data, get("direct"), Calibration())


def test_test_images_set_no_thresholds(here):
    model, data = own_model("ownnet:build"), load("digits")
    same = dataclasses.replace(data, test=data.train)
    with pytest.raises(DataError, match="no test images, but 1293 images of digits are in both"):
        calibrated_job(model, "own", same, get("qcfs"), Calibration())


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("ownnet", "as `module:function`, but got 'ownnet'"),
        ("nowhere:build", "No module named 'nowhere'"),
        ("ownnet:make", "has no attribute 'make'"),
        ("ownnet:number", "return a torch.nn.Module, but got int"),
    ],
)
def test_places_that_give_no_model(here, place, expected):
    with pytest.raises(ConfigError, match=expected):
        own_model(place)


def test_pickled_weights_and_those_of_another_model_are_refused(here):
    with pytest.raises(CheckpointError, match=r"as safetensors.*save_file"):
        own_model("ownnet:build", here / "own.pth")
    save_file({"0.weight": torch.zeros(1)}, here / "other.safetensors")
    with pytest.raises(CheckpointError, match="of another architecture"):
        own_model("ownnet:build", here / "other.safetensors")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["evaluate"], "a checkpoint or --model, but got neither"),
        (["evaluate", "best.json", "--model", "ownnet:build"], "but got both"),
        (["evaluate", "best.json", "--weights", "own.safetensors"], "--weights only with --model"),
        (["evaluate", "--model", "ownnet:build", "--out", "out"], "--out only with a checkpoint"),
        (["convert", "--model", "ownnet:build", "--out", "x", "--by", "min"], "--by to be one of"),
        (["evaluate", "--model", "ownnet:build", "--calibration-images", "0"], "images"),
    ],
)
def test_options_that_do_not_go_together(here, arguments, expected):
    failed = resnoise(*arguments, cwd=here, status=1)
    assert expected in failed.stderr
    assert failed.stderr.count("\n") == 1
