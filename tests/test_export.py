"""Exported files, read and run by other programs alone, against the reference backend."""

import errno
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import nir
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open

import resnoise
from resnoise import methods
from resnoise.errors import ConfigError, ConversionError, StorageError
from resnoise.export import TARGETS, writer
from resnoise.export import nir as nir_target
from resnoise.export.exported import from_checkpoint, require_plain
from resnoise.export.weights import write as write_weights
from tests.eighths import THETA, convolutional
from tests.exports import Residual, Split, exported, normalised, pixels

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "results" / "checkpoints" / "cifar10" / "qcfs-plus-L2" / "best.json"
T = 6


KINDS = {"plain": convolutional, "residual": Residual, "split": Split}
# Traced once for both libraries.
of_kind = cache(lambda kind: exported(kind()))
of_checkpoint = cache(from_checkpoint)


ALONE = """
import importlib.abc, importlib.util, sys
class Forbidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden!r}:
            raise ImportError(f"{{name}} is not to be imported")
sys.meta_path.insert(0, Forbidden())
import torch
torch.set_num_threads(1)
for name, timesteps in {runs!r}:
    spec = importlib.util.spec_from_file_location("loader", f"run_{{name}}.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    with torch.no_grad():
        torch.save(loader.simulate(torch.load(f"{{name}}-pixels.pt"), timesteps), f"{{name}}.pt")
"""


@pytest.mark.parametrize("library", ["norse", "snntorch"])
def test_a_script_of_twenty_lines_runs_the_file_on_its_library_alone(library, tmp_path):
    committed = of_checkpoint(COMMITTED)
    generator = torch.Generator().manual_seed(0)
    natural = torch.randint(0, 256, (2, 3, 32, 32), generator=generator, dtype=torch.uint8)
    made = {name: (of_kind(kind), pixels(3)) for name, kind in KINDS.items()}
    made["resnet20"] = (committed, natural)
    for name, (network, images) in made.items():
        written = writer(library)(network, tmp_path / f"{name}.safetensors")
        assert [path.name for path in written] == [f"{name}.safetensors", f"run_{name}.py"]
        assert len(written[1].read_text().splitlines()) <= 20
        torch.save(images, tmp_path / f"{name}-pixels.pt")
    others = {"resnoise", "resnoise_baselines", "norse", "snntorch"} - {library}
    script = ALONE.format(forbidden=others, runs=[(name, T) for name in made])
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=120)
    for name, (network, images) in made.items():
        logits = torch.load(tmp_path / f"{name}.pt")
        rule = network.rule
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (rule.mean, rule.std))
        expected = resnoise.simulate(network.network, (images / rule.full_scale - mean) / std, T)
        if name == "resnet20":  # where sums round, and their order is the processor's
            assert (logits - expected).abs().max() < 1e-3
        else:
            assert torch.equal(logits, expected), name


def test_onnx_computes_the_source_network_of_any_number_of_images(tmp_path):
    network = exported(Residual())
    writer("onnx")(network, tmp_path / "chip.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "chip.onnx")
    for images in map(normalised, (pixels(1), pixels(7))):
        (logits,) = session.run(None, {"images": images.numpy()})
        with torch.no_grad():
            assert np.array_equal(logits, network.source(images).numpy())
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["rule"])["levels"] == 4
    assert "no spikes" in metadata["form"]


def test_every_file_says_the_rule(tmp_path):
    network = from_checkpoint(ROOT / "results" / "check" / "digits" / "best.json")
    info = json.loads((ROOT / "results" / "check" / "digits" / "best.json").read_text())
    write_weights(network, tmp_path / "weights.safetensors")
    writer("norse")(network, tmp_path / "norse.safetensors")
    writer("nir")(network, tmp_path / "chip.nir")
    rules = [nir.read(tmp_path / "chip.nir").metadata["rule"]]
    for name in ("weights", "norse"):
        with safe_open(tmp_path / f"{name}.safetensors", "pt") as file:
            rules.append(file.metadata()["rule"])
            assert file.metadata()["spiking_layers"].split(",") == list(network.network.layers)
    for rule in map(json.loads, rules):
        assert rule["architecture"] == "digits-cnn"
        assert rule["checkpoint_sha256"] == info["sha256"]
        assert rule["recipe"] == info["job"]["recipe"]
        assert (rule["mean"], rule["std"], rule["full_scale"]) == ([0.3053], [0.3760], 16.0)
        assert rule["levels"] == info["job"]["recipe"]["activation"]["levels"]
        assert "θ/2" in rule["neuron"]["starts_at"]
        assert "subtraction" in rule["neuron"]["resets"]
        assert "at the threshold itself" in rule["neuron"]["fires"]


def test_a_threshold_is_the_next_number_below_half_of_theta():
    graph = nir_target.graph(exported())
    (value,) = np.unique(graph.nodes["1"].threshold)
    half = np.float32(THETA / 2)
    assert value < half
    assert np.nextafter(value, np.float32(np.inf)) == half


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("cos", "adapts its neurons to each image"),
        ("srp", "adapts its neurons to each image"),
        ("snm", "negative spikes"),
        ("signed-if", "negative spikes"),
        ("ftbc", "current of its own at each time step"),
        ("direct", "its neurons are leaky integrate-and-fire"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_by_name(method, reason):
    with pytest.raises(ConversionError, match=f"cannot export {method}: .*{reason}"):
        require_plain(methods.get(method))


def test_a_network_that_was_trained_in_time_is_refused_by_name():
    with pytest.raises(ConversionError, match=r"cannot export direct: .*export one that was conv"):
        from_checkpoint(COMMITTED.parent.parent / "direct-ce-norse-T2" / "best.json")


def test_bad_targets_and_missing_libraries(monkeypatch):
    with pytest.raises(ConfigError, match="unknown target 'loihi'; known: nir, nir-if"):
        writer("loihi")
    monkeypatch.setitem(TARGETS, "none", "resnoise_has_no_such_module")
    with pytest.raises(ConfigError, match=r"pip install 'resnoise\[export\]'"):
        writer("none")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    network = exported()
    network.network.body.get_submodule("0").weight.data[0] = float("nan")
    with pytest.raises(ConversionError, match="finite"):
        writer("norse")(network, tmp_path / "chip.safetensors")


def test_a_script_of_somebody_else_is_not_replaced(tmp_path):
    (tmp_path / "run_chip.py").write_text("print('mine')")
    with pytest.raises(StorageError, match=r"would replace .*run_chip\.py, which no export wrote"):
        writer("norse")(of_kind(convolutional), tmp_path / "chip.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["run_chip.py"]
    for library in ("norse", "snntorch"):  # its own, of another library, it does
        _, script = writer(library)(of_kind(convolutional), tmp_path / "network.safetensors")
        assert library in script.read_text()


@pytest.mark.filterwarnings("ignore:nir.IF")
@pytest.mark.parametrize("target", list(TARGETS))
def test_a_file_that_cannot_be_written_leaves_the_old_one(target, tmp_path, monkeypatch):
    path = tmp_path / "chip.file"
    path.write_text("old")

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"cannot write .*chip\.file \(No space left"):
        writer(target)(of_kind(convolutional), path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("chip.file", "old")]
