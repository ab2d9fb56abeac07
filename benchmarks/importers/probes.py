"""What an importer makes of one neuron, and of one node, found by asking it.

A neuron's graph is an affine node that changes nothing and a `nir.IF`; what comes out of a few
inputs tells what it did with them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import nir
import numpy as np
import torch
from torch import Tensor

from benchmarks.importers.libraries import Importer, quiet

ONE = np.ones(1, np.float32)


def neuron(r: float = 1, threshold: float = 1, reset: float = 0) -> nir.NIRGraph:
    """One `nir.IF`."""
    nodes = {
        "input": nir.Input(input_type={"input": np.array([1])}),
        "current": nir.Affine(np.ones((1, 1), np.float32), np.zeros(1, np.float32)),
        "neuron": nir.IF(r=r * ONE, v_threshold=threshold * ONE, v_reset=reset * ONE),
        "output": nir.Output(output_type={"output": np.array([1])}),
    }
    return nir.NIRGraph(nodes, list(pairwise(nodes)))


def outputs(importer: Importer, graph: nir.NIRGraph, inputs: list[float]) -> list[float]:
    """What comes out of one input after the other."""
    given = torch.tensor(inputs).view(-1, 1, 1)
    with torch.no_grad():
        return importer.load(graph).run(given).flatten().tolist()


def delay(importer: Importer) -> int:
    """Steps between an input and the spike that it causes."""
    return next(
        step for step, spike in enumerate(outputs(importer, neuron(), [3.0, 0.0, 0.0])) if spike
    )


def spikes(importer: Importer, graph: nir.NIRGraph, inputs: list[float]) -> list[float]:
    """What each input makes come out, however late."""
    late = delay(importer)
    return outputs(importer, graph, inputs + [0.0] * late)[late:]


def comes(importer: Importer) -> str:
    return "late" if delay(importer) else "at once"


def fires_at_threshold(importer: Importer) -> str:
    return "yes" if spikes(importer, neuron(), [1.0])[0] else "no"


def leak(importer: Importer) -> str:
    return "no" if spikes(importer, neuron(), [0.5, 0, 0, 0.5625])[3] else "yes"


def reset(importer: Importer) -> str:
    """After u = 1.75 with θ = 1: what is left shows in what must be added to fire again."""
    left = [spikes(importer, neuron(), [1.75, add])[1] for add in (0.5, 0.875)]
    return "by subtraction" if left[0] else "other" if left[1] else "to a value"


def v_reset(importer: Importer) -> str:
    """A reset to −1/2 rather than 0."""
    left = [spikes(importer, neuron(reset=at), [1.5, 1.25])[1] for at in (0, -0.5)]
    return "read" if left == [1, 0] else "not read"


def resistance(importer: Importer) -> str:
    return "read" if spikes(importer, neuron(r=2), [0.75])[0] else "not read"


def spikes_a_step(importer: Importer) -> str:
    return f"{spikes(importer, neuron(), [3.5])[0]:g}"


def floor(importer: Importer) -> str:
    """Whether a potential stops somewhere below 0."""
    return "yes" if spikes(importer, neuron(), [-4.0, 4.5])[1] else "no"


NEURON_PROBES: dict[str, Callable[[Importer], str]] = {
    "spike comes": comes,
    "fires at u = θ": fires_at_threshold,
    "leaks": leak,
    "reset": reset,
    "`v_reset`": v_reset,
    "`r`": resistance,
    "spikes of u = 3.5 θ": spikes_a_step,
    "floor below 0": floor,
}


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _between(shape: tuple[int, ...], out: tuple[int, ...], *nodes: nir.NIRNode) -> nir.NIRGraph:
    given = nir.Input(input_type={"input": np.array(shape)})
    ends = nir.Output(output_type={"output": np.array(out)})
    grouped = any(getattr(node, "groups", 1) != 1 for node in nodes)
    return nir.NIRGraph.from_list(given, *nodes, ends, type_check=not grouped)


def _conv(groups: int) -> nir.Conv2d:
    return nir.Conv2d((6, 6), _random(4, 4 // groups, 3, 3), 1, 1, 1, groups, _random(4))


def _shortcut() -> nir.NIRGraph:
    """x + A x, two edges into one node."""
    nodes = {
        "input": nir.Input(input_type={"input": np.array([4])}),
        "branch": nir.Affine(_random(4, 4), _random(4)),
        "sum": nir.Affine(np.eye(4, dtype=np.float32), np.zeros(4, np.float32)),
        "output": nir.Output(output_type={"output": np.array([4])}),
    }
    edges = [("input", "branch"), ("input", "sum"), ("branch", "sum"), ("sum", "output")]
    return nir.NIRGraph(nodes, edges)


def _branches() -> nir.NIRGraph:
    """A x + C B x, whose branches have one node and two."""
    nodes = {
        "input": nir.Input(input_type={"input": np.array([4])}),
        "a": nir.Affine(_random(4, 4), _random(4)),
        "b": nir.Affine(_random(4, 4), _random(4)),
        "c": nir.Affine(_random(4, 4), _random(4)),
        "sum": nir.Affine(np.eye(4, dtype=np.float32), np.zeros(4, np.float32)),
        "output": nir.Output(output_type={"output": np.array([4])}),
    }
    edges = [("input", "a"), ("input", "b"), ("b", "c"), ("c", "sum"), ("a", "sum")]
    return nir.NIRGraph(nodes, [*edges, ("sum", "output")])


def _affine(x: Tensor) -> Tensor:
    return x @ torch.from_numpy(_random(4, 4)).T + torch.from_numpy(_random(4))


_pair = (np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
_image, _vector = (4, 6, 6), (4,)
# heading: (graph, shape of an image, what it makes of images [N, ...] at the second step)
NODES: dict[str, tuple[Callable[[], nir.NIRGraph], tuple[int, ...], Callable[[Tensor], Tensor]]] = {
    "Affine": (
        lambda: _between(_vector, (3,), nir.Affine(_random(3, 4), _random(3))),
        _vector,
        lambda x: x @ torch.from_numpy(_random(3, 4)).T + torch.from_numpy(_random(3)),
    ),
    "Linear": (
        lambda: _between(_vector, (3,), nir.Linear(_random(3, 4))),
        _vector,
        lambda x: x @ torch.from_numpy(_random(3, 4)).T,
    ),
    "Conv2d": (lambda: _between(_image, _image, _conv(1)), _image, lambda x: _convolved(x, 1)),
    "Conv2d in groups": (
        lambda: _between(_image, _image, _conv(2)),
        _image,
        lambda x: _convolved(x, 2),
    ),
    "AvgPool2d": (
        lambda: _between(_image, (4, 3, 3), nir.AvgPool2d(*_pair)),
        _image,
        lambda x: torch.nn.functional.avg_pool2d(x, 2),
    ),
    "SumPool2d": (
        lambda: _between(_image, (4, 3, 3), nir.SumPool2d(*_pair)),
        _image,
        lambda x: 4 * torch.nn.functional.avg_pool2d(x, 2),
    ),
    "Flatten": (
        lambda: _between(_image, (144,), nir.Flatten({"input": np.array(_image)}, 0, -1)),
        _image,
        lambda x: x.flatten(1),
    ),
    "shortcut": (_shortcut, _vector, lambda x: x + _affine(x)),
    "two branches": (_branches, _vector, lambda x: _affine(x) + _affine(_affine(x))),
    "I": (
        lambda: _between(_vector, _vector, nir.I(np.ones(4, np.float32))),
        _vector,
        lambda x: 2 * x,
    ),
    "Threshold": (
        lambda: _between(_vector, _vector, nir.Threshold(np.zeros(4, np.float32))),
        _vector,
        lambda x: (x > 0).float(),
    ),
    "Scale": (
        lambda: _between(_vector, _vector, nir.Scale(_random(4))),
        _vector,
        lambda x: x * torch.from_numpy(_random(4)),
    ),
}


def _convolved(images: Tensor, groups: int) -> Tensor:
    conv = _conv(groups)
    weight, bias = map(torch.from_numpy, (conv.weight, conv.bias))
    return torch.conv2d(images, weight, bias, 1, 1, 1, groups)


def read_node(importer: Importer, name: str) -> str:
    """Whether what comes out of a node at the second step is what its definition says."""
    graph, shape, definition = NODES[name]
    images = torch.from_numpy(_random(2, *shape))
    with torch.no_grad():
        got = importer.load(graph()).run(images.expand(2, *images.shape))[1]
    expected = definition(images)
    right = got.shape == expected.shape and torch.allclose(got, expected, atol=1e-4)
    return "yes" if right else "wrong"


def asked(probe: Callable[..., str], *arguments: object) -> str:
    """The answer of a probe, or "–" where the importer raises an error."""
    try:
        with quiet():
            return probe(*arguments)
    except Exception:  # whatever a library of others raises
        return "–"
