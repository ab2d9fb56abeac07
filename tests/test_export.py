"""Exported files, read and run by other programs alone, against the reference backend."""

import errno
import json
import os
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import nir
import nirtorch
import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from torch import nn

import resnoise
from resnoise import methods
from resnoise.conversion.activation import activations
from resnoise.errors import ConfigError, ConversionError, StorageError
from resnoise.export import TARGETS, nir_if, writer
from resnoise.export import nir as nir_target
from resnoise.export.exported import Exported, from_checkpoint, require_plain
from resnoise.export.rule import Rule
from resnoise.export.weights import write as write_weights
from tests.eighths import THETA, convolutional, grid_images, grid_network

ROOT = Path(__file__).parent.parent
COMMITTED = ROOT / "results" / "checkpoints" / "cifar10" / "qcfs-plus-L2" / "best.json"
T = 6


class Residual(nn.Module):
    """An identity and a projected shortcut, a chunk, a mean over space: what graphs may have."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=2)
        self.left = nn.Conv2d(4, 4, 3, padding=1)
        self.project = nn.Conv2d(4, 4, 1, 2)
        self.right = nn.Conv2d(4, 4, 3, 2, 1)
        self.classifier = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.left(x) + x)
        x = torch.relu(self.right(x) + self.project(x))
        return self.classifier(x.mean((2, 3)))


class Split(nn.Module):
    """Two halves of the channels, of which one goes through another layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.one = nn.Conv2d(2, 2, 1)
        self.classifier = nn.Linear(4 * 36, 3)

    def forward(self, x):
        kept, changed = torch.relu(self.stem(x)).chunk(2, 1)
        x = torch.cat([kept, torch.relu(self.one(changed))], 1)
        return self.classifier(x.view(x.size(0), -1))


def exported(model=None):
    """A network on which float32 is exact, for images of integers from 0 to 12."""
    source = grid_network(convolutional() if model is None else model)
    rule = Rule(
        "made", "cifar10", ("a", "b", "c"), (2, 6, 6), (0.0, 1.0), (2.0, 4.0), 1.0, 4, "qcfs"
    )
    return Exported(resnoise.convert(source), source, rule)


KINDS = {"plain": convolutional, "residual": Residual, "split": Split}
# Traced once for both libraries.
of_kind = cache(lambda kind: exported(kind()))
of_checkpoint = cache(from_checkpoint)


def pixels(images=5):
    return (grid_images(images, 2, 6, 6) * 4 + 4).to(torch.uint8)


def normalised(images):
    """What the rule above makes of pixels."""
    return (images.float() - torch.tensor([0.0, 1.0]).view(2, 1, 1)) / torch.tensor(
        [2.0, 4.0]
    ).view(2, 1, 1)


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


def run_graph(graph, images, timesteps):
    """NIR by its definitions, one image at a time, in NumPy and PyTorch's convolution.

    What an edge closes a circle with arrives a step later; `nir.IF` is set to `v_reset`.
    """
    after = {name: [b for a, b in graph.edges if a == name] for name in graph.nodes}

    def reaches(start, end):
        found, queue = set(), [start]
        while queue:
            now = queue.pop()
            queue += [n for n in after[now] if n not in found]
            found.update(after[now])
        return end in found

    late = {(a, b) for a, b in graph.edges if isinstance(graph.nodes[b], nir.I) and reaches(b, a)}
    inputs = {n: {a for a, b in graph.edges if b == n and (a, b) not in late} for n in graph.nodes}
    order = list(TopologicalSorter(inputs).static_order())
    logits, spikes = [], {}
    for image in images.numpy():
        v, values = {}, {name: np.float32(0) for name in order}
        for _ in range(timesteps):
            for name in order:
                node = graph.nodes[name]
                x = image if isinstance(node, nir.Input) else sum(
                    values[a] for a, b in graph.edges if b == name)  # fmt: skip
                match node:
                    case nir.Conv2d():
                        given = map(torch.from_numpy, (x[None], node.weight, node.bias))
                        settings = (node.stride, node.padding, node.dilation)
                        settings = [tuple(map(int, pair)) for pair in settings]
                        x = torch.conv2d(*given, *settings, int(node.groups))[0].numpy()
                    case nir.AvgPool2d():
                        h, w = map(int, node.kernel_size)
                        c, height, width = x.shape
                        x = x.reshape(c, height // h, h, width // w, w).mean((2, 4))
                    case nir.Affine():
                        x = node.weight @ x + node.bias
                    case nir.Flatten():
                        x = x.ravel()
                    case nir.Scale():
                        x = node.scale * x
                    case nir.I():
                        x = v[name] = v.get(name, np.float32(0)) + x
                    case nir.Threshold():
                        x = (x > node.threshold).astype(np.float32)
                        spikes.setdefault(name, []).append(x)
                    case nir.IF():
                        u = v.get(name, np.float32(0)) + node.r * x
                        x = (u > node.v_threshold).astype(np.float32)
                        v[name] = np.where(x == 1, node.v_reset, u)
                        spikes.setdefault(name, []).append(x)
                values[name] = x
            logits.append(values["output"])
    stacked = np.stack(logits).reshape(len(images), timesteps, -1)
    shape = (len(images), timesteps, -1)
    return stacked.swapaxes(0, 1), {n: np.stack(s).reshape(shape) for n, s in spikes.items()}


def reference_spikes(network, images, timesteps):
    """Spikes of every layer, arrays [N, T, neurons], and the logits [T, N, classes]."""
    found = {}
    for name, layer in network.spiking_layers.items():
        layer.neurons.register_forward_hook(
            lambda module, given, out, name=name: found.update({name: out[0].clone()})
        )
    with torch.no_grad():
        logits, _ = network(images, timesteps)
    shape = (timesteps, len(images), -1)
    return {n: s.view(shape).transpose(0, 1).numpy() for n, s in found.items()}, logits.numpy()


@pytest.mark.parametrize("model", [convolutional, Residual])
def test_faithful_nir_gives_the_same_spikes(model, tmp_path):
    network = exported(model())
    writer("nir")(network, tmp_path / "chip.nir")
    images = normalised(pixels())
    logits, spikes = run_graph(nir.read(tmp_path / "chip.nir"), images, T)
    expected, expected_logits = reference_spikes(network.network, images, T)
    assert list(spikes) == list(expected)
    for name in expected:
        assert np.array_equal(spikes[name], expected[name]), name
    assert np.array_equal(logits, expected_logits)


class Integrator(nn.Module):
    def forward(self, x, state=None):
        v = x if state is None else state + x
        return v, v


class Above(nn.Module):
    def __init__(self, threshold):
        super().__init__()
        self.threshold = torch.from_numpy(threshold)

    def forward(self, x):
        return (x > self.threshold).float()


class Times(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.scale = torch.from_numpy(scale)

    def forward(self, x):
        return x * self.scale


def affine(node):
    """NIRTorch 2.6 leaves the bias as it was drawn."""
    layer = nn.Linear(node.weight.shape[1], node.weight.shape[0])
    layer.weight.data, layer.bias.data = map(torch.from_numpy, (node.weight, node.bias))
    return layer


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("model", [convolutional, Residual])
def test_nirtorch_runs_the_faithful_form_by_nodes_of_one_line(model, tmp_path):
    network = exported(model())
    writer("nir")(network, tmp_path / "chip.nir")
    nodes = {
        nir.I: lambda node: Integrator(),
        nir.Threshold: lambda node: Above(node.threshold),
        nir.Scale: lambda node: Times(node.scale),
        nir.Affine: affine,
        nir.Flatten: lambda node: nn.Flatten(),
    }
    module = nirtorch.nir_to_torch(tmp_path / "chip.nir", nodes)
    images = normalised(pixels())
    state, logits = None, []
    with torch.no_grad():
        for _ in range(T):
            out, state = module(images, state)
            logits.append(out)
    assert torch.equal(torch.stack(logits), resnoise.simulate(network.network, images, T))


@pytest.mark.parametrize("model", [convolutional, Residual])
def test_the_common_form_is_the_network_with_the_reset_and_the_start_that_nir_if_has(
    model, tmp_path
):
    network = exported(model())
    with pytest.warns(UserWarning, match="no reset by subtraction"):
        writer("nir-if")(network, tmp_path / "chip.nir")
    graph = nir.read(tmp_path / "chip.nir")
    kinds = {type(node).__name__ for node in graph.nodes.values()}
    assert kinds <= {"Input", "Output", "Conv2d", "Affine", "Flatten", "IF"}
    images = normalised(pixels())
    logits, spikes = run_graph(graph, images, T)
    expected, _ = reference_spikes(network.network, images, T)
    differing = sum(int((spikes[name] != expected[name]).sum()) for name in expected)
    assert differing > 0
    for layer in network.network.spiking_layers.values():
        layer.neurons.forward = lambda current, state, layer=layer: hard(current, layer.threshold)
    with torch.no_grad():
        assert np.array_equal(logits, network.network(images, T)[0].numpy())


def hard(current, theta):
    """Neurons that start at 0, fire above θ and are set to 0."""
    v, spikes = torch.zeros_like(current[0]), []
    for now in current:
        u = v + now
        spikes.append((u > theta).to(u))
        v = torch.where(u > theta, torch.zeros_like(u), u)
    return torch.stack(spikes), resnoise.simulation.neuron.IFState(v)


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


def test_what_nir_has_no_node_for_is_refused_by_name():
    with pytest.raises(ConversionError, match=r"no node for `narrow"):
        nir_target.graph(exported(Split()))


def test_grouped_convolutions_are_read_without_the_type_check(tmp_path):
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip
    network = exported(model)
    writer("nir")(network, tmp_path / "chip.nir")
    images = normalised(pixels())
    logits, _ = run_graph(nir.read(tmp_path / "chip.nir", type_check=False), images, T)
    assert np.array_equal(logits, resnoise.simulate(network.network, images, T).numpy())


def test_gains_of_channels_go_into_weights_or_a_convolution():
    network = exported(Residual())
    source = resnoise.prepare(Residual()).eval()
    resnoise.calibrate_thresholds_(source, normalised(pixels()), per="channel", by="max")
    made = Exported(resnoise.convert(source), source, network.rule)
    scales = [n for n, node in nir_target.graph(made).nodes.items() if isinstance(node, nir.Scale)]
    assert len(scales) > 2 * len(activations(source))
    images = normalised(pixels())
    logits, _ = run_graph(nir_target.graph(made), images, 2)
    assert np.abs(logits - resnoise.simulate(made.network, images, 2).numpy()).max() < 1e-4
    assert not any(isinstance(n, nir.Scale) for n in nir_if.graph(made).nodes.values())


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
