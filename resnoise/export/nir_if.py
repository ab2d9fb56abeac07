"""NIR in the form that most programs read: `nir.IF`, which loses a part of the rule.

`nir.IF` is set to a value when it fires, so what its potential exceeds θ by is lost, and it starts
at 0 instead of θ/2; programs that read it differ in what they do instead, see `docs/chips.md`.
Nodes are those that all of them read: θ goes into the weights that read the spikes, and an average
pool, or a shortcut that scales spikes, becomes a convolution.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import nir
import numpy as np

from resnoise.errors import ConversionError
from resnoise.export.exported import Exported
from resnoise.export.nir import metadata
from resnoise.export.nir_nodes import GraphBuilder, write_graph
from resnoise.export.steps import Operation, Steps

FORM = "nir.IF: starts at 0 and is set to 0 when it fires, unlike the rule"
MOST_WEIGHTS = 2**24
"""Of a convolution in the place of a pool; larger pools stay what they are."""


class _Common(GraphBuilder):
    """A value is the sum of nodes times a factor for each channel, which waits for weights."""

    def __init__(self, steps: Steps) -> None:
        super().__init__(steps)
        self.factors: dict[str, np.ndarray] = {}

    def incoming(self, value: str) -> list[str]:
        if value in self.factors:
            channels, *size = self.shapes[value]
            kernel = np.diag(np.ones(channels, np.float32) * self.factors[value].ravel())
            name = f"{value}.factor"
            if size:
                kernel = kernel.reshape(channels, channels, 1, 1)
            self.sources[value] = [self._unbiased(name, kernel, value, size, (1, 1), (0, 0))]
            del self.factors[value]
        return super().incoming(value)

    def _unbiased(
        self, name: str, kernel: np.ndarray, value: str, size: Any, stride: Any, padding: Any
    ) -> str:
        bias = np.zeros(len(kernel), np.float32)
        if kernel.ndim == 2:
            node = nir.Affine(kernel, bias)
        else:
            node = nir.Conv2d(tuple(size), kernel, stride, padding, (1, 1), 1, bias)
        return self.add(name, node, self.sources[value])

    def neurons(self, operation: Operation, theta: np.ndarray) -> None:
        ones = np.ones(operation.shape, np.float32)
        node = nir.IF(r=ones, v_threshold=ones * theta, v_reset=0 * ones)
        sources = self.incoming(operation.arguments[0])
        self.sources[operation.name] = [self.add(operation.name, node, sources)]

    def scale(self, operation: Operation, value: str, factor: np.ndarray) -> None:
        # Of one number or one a channel; any other stays to be refused below.
        if factor.size not in (1, operation.shape[0]):
            raise ConversionError(
                f"cannot write `{operation.name}` with nir.IF alone: it scales every neuron by a "
                "number of its own"
            )
        self.sources[operation.name] = self.sources[value]
        self.factors[operation.name] = self.factors.get(value, np.float32(1)) * factor

    def same(self, operation: Operation, value: str) -> None:
        self.sources[operation.name] = self.sources[value]
        if value in self.factors:
            self.factors[operation.name] = self.factors[value]

    def flatten(self, operation: Operation, value: str) -> None:
        factor = self.factors.get(value)
        if factor is not None and factor.size > 1:
            self.incoming(value)
            factor = None
        node = nir.Flatten({"input": np.array(self.shapes[value])}, start_dim=0, end_dim=-1)
        self.sources[operation.name] = [self.add(operation.name, node, self.sources[value])]
        if factor is not None:
            self.factors[operation.name] = factor

    def weights(self, value: str, weight: np.ndarray) -> tuple[np.ndarray, list[str]]:
        factor = self.factors.get(value)
        if factor is None:
            return super().weights(value, weight)
        if factor.size > 1:
            if weight.shape[1] != factor.size:  # groups read some of the channels each
                return super().weights(value, weight)
            factor = factor.reshape(-1, *[1] * (weight.ndim - 2))
        return weight * factor, self.sources[value]

    def pool(
        self, operation: Operation, value: str, kernel: Any, stride: Any, padding: Any
    ) -> None:
        channels, *size = self.shapes[value]
        height, width = kernel
        if channels**2 * height * width > MOST_WEIGHTS:
            super().pool(operation, value, kernel, stride, padding)
            return
        factor = self.factors.get(value, np.float32(1)) / np.float32(height * width)
        window = np.ones((height, width), np.float32)
        diagonal = np.diag(np.ones(channels, np.float32) * factor.ravel())
        weight = np.einsum("oi,hw->oihw", diagonal, window)
        name = self._unbiased(operation.name, weight, value, size, stride, padding)
        self.sources[operation.name] = [name]


def graph(exported: Exported) -> nir.NIRGraph:
    """The network as a NIR graph of `nir.IF`, its rule in the metadata.

    Raises:
        ConversionError: there is no node for an operation of the network.
    """
    return _Common(exported.steps).graph(metadata(exported, FORM))


def write(exported: Exported, path: Path) -> list[Path]:
    """Write the graph, with a warning of what it loses.

    Raises:
        ConversionError: there is no node for an operation of the network.
        StorageError: it cannot be written.
    """
    write_graph(graph(exported), path)
    warnings.warn(
        "nir.IF has no reset by subtraction and no initial potential: spikes and accuracy are not "
        "those of the tables, and each program that reads it differs; the target `nir` keeps the "
        "rule",
        stacklevel=2,
    )
    return [path]
