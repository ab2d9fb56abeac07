r"""NIR that keeps the rule: reset by subtraction, firing at the threshold itself, v(0) = θ/2.

NIR 1.0.8 has no neuron with a reset by subtraction and none with an initial potential, and its
threshold is strict. With `v' = v − θ/2` a neuron starts at 0 and fires at θ/2, and three nodes make
it: an integrator, `nir.I`, of the input current and of what a scale feeds back; a threshold,
`nir.Threshold`, at the next float32 below θ/2, so that `v' > threshold` is `v' ≥ θ/2`; and
`nir.Scale` by −θ from the threshold to the integrator. What is fed back arrives at the next step.

    v'(t) = v'(t − 1) + I(t) − θ s(t − 1),   s(t) = [v'(t) ≥ θ/2]
"""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np

from resnoise.export.exported import Exported
from resnoise.export.nir_nodes import GraphBuilder, write_graph
from resnoise.export.steps import Operation

FORM = "I, Threshold and Scale: v' = v − θ/2, reset by subtraction through a scale of −θ fed back"


class _Faithful(GraphBuilder):
    def neurons(self, operation: Operation, theta: np.ndarray) -> None:
        name, shape = operation.name, operation.shape
        current = self.incoming(operation.arguments[0])
        half = np.float32(theta) / np.float32(2)
        below = np.nextafter(half, np.float32(-np.inf))
        membrane = self.add(f"{name}.v", nir.I(np.ones(shape, np.float32)), current)
        spikes = self.add(name, nir.Threshold(np.full(shape, below)), [membrane])
        reset = self.add(f"{name}.reset", nir.Scale(np.full(shape, -theta)), [spikes])
        self.edges.append((reset, membrane))
        self.sources[name] = [spikes]


def graph(exported: Exported) -> nir.NIRGraph:
    """The network as a NIR graph, its rule in the metadata.

    Raises:
        ConversionError: NIR has no node for an operation of the network.
    """
    return _Faithful(exported.steps).graph(metadata(exported, FORM))


def metadata(exported: Exported, form: str) -> dict[str, str]:
    """What a graph says of itself; the input is what the rule normalises, the time step is 1."""
    rule = json.dumps(exported.rule.to_json(), ensure_ascii=False)
    return {"rule": rule, "form": form, "dt": "1"}


def write(exported: Exported, path: Path) -> list[Path]:
    """Write the graph.

    Raises:
        ConversionError: NIR has no node for an operation of the network.
        StorageError: it cannot be written.
    """
    write_graph(graph(exported), path)
    return [path]
