"""Both forms of NIR, run node by node by NumPy and by NIRTorch, against the reference."""

from graphlib import TopologicalSorter

import nir
import nirtorch
import numpy as np
import pytest
import torch
from torch import nn

import resnoise
from resnoise.conversion.activation import activations
from resnoise.errors import ConversionError
from resnoise.export import nir as nir_target
from resnoise.export import nir_if, writer
from resnoise.export.exported import Exported
from tests.eighths import convolutional
from tests.exports import Residual, Split, exported, normalised, pixels

T = 6


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
