"""What lies between neurons, as nodes of NIR, the neuromorphic intermediate representation.

NIR sums what comes into a node, so an addition is no node, but two edges into the next one.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np

from resnoise.errors import ConversionError
from resnoise.export.steps import IMAGES, Operation, Steps
from resnoise.utils.files import exclusive, write_bytes

INPUT, OUTPUT = "input", "output"
_SAME = ("dropout", "alias", "clone", "contiguous", "detach")
_CONVOLUTION = ([1], [0], [1], 1)  # stride, padding, dilation and groups, where they are not given


class GraphBuilder:
    """Puts a NIR graph together, operation after operation.

    A value of the network is a list of the nodes whose sum it is. A subclass says what neurons are,
    and where their θ goes.

    Args:
        steps: one time step of the network.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.arrays = {name: tensor.numpy() for name, tensor in steps.tensors.items()}
        self.nodes: dict[str, nir.NIRNode] = {
            INPUT: nir.Input(input_type={"input": np.array(steps.input_shape)})
        }
        self.edges: list[tuple[str, str]] = []
        self.sources: dict[str, list[str]] = {IMAGES: [INPUT]}
        self.shapes: dict[str, tuple[int, ...]] = {IMAGES: steps.input_shape}

    def graph(self, metadata: dict[str, str]) -> nir.NIRGraph:
        """The whole network.

        Raises:
            ConversionError: NIR has no node for an operation.
        """
        for operation in self.steps.operations:
            self._translate(operation)
            self.shapes[operation.name] = operation.shape
        last = self.steps.operations[-1]
        output = nir.Output(output_type={"output": np.array(last.shape)})
        self.add(OUTPUT, output, self.incoming(last.name))
        # NIR 1.0.8 takes the channels that a grouped convolution reads for all that it is given.
        grouped = any(getattr(node, "groups", 1) != 1 for node in self.nodes.values())
        return nir.NIRGraph(self.nodes, self.edges, metadata, type_check=not grouped)

    def add(self, name: str, node: nir.NIRNode, sources: list[str]) -> str:
        """Add a node that is given the sum of others, and return its name."""
        if len(set(sources)) != len(sources):
            raise ConversionError(f"cannot write `{name}` in NIR: it is given the same value twice")
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        return name

    def incoming(self, value: str) -> list[str]:
        """The nodes whose sum is a value."""
        return self.sources[value]

    def neurons(self, operation: Operation, theta: np.ndarray) -> None:
        """Add a layer of neurons."""
        raise NotImplementedError

    def weights(self, value: str, weight: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """The weights that a layer reads a value with, and the nodes that it reads."""
        return weight, self.incoming(value)

    def scale(self, operation: Operation, value: str, factor: np.ndarray) -> None:
        """Multiply a value by a constant that broadcasts over it."""
        node = nir.Scale(np.ascontiguousarray(np.broadcast_to(factor, operation.shape)))
        self.sources[operation.name] = [self.add(operation.name, node, self.incoming(value))]

    def pool(
        self, operation: Operation, value: str, kernel: Any, stride: Any, padding: Any
    ) -> None:
        """Average over windows."""
        node = nir.AvgPool2d(*(np.array(setting) for setting in (kernel, stride, padding)))
        self.sources[operation.name] = [self.add(operation.name, node, self.incoming(value))]

    def same(self, operation: Operation, value: str) -> None:
        """Give a value another name."""
        self.sources[operation.name] = self.incoming(value)

    def _translate(self, operation: Operation) -> None:
        call, arguments = operation.call.partition(".")[0], operation.arguments
        if call in _SAME:
            self.same(operation, arguments[0])
        elif call in _TRANSLATIONS:
            _TRANSLATIONS[call](self, operation, *arguments)
        else:
            _refuse(operation)

    def _neurons(self, operation: Operation, current: str, theta: str) -> None:
        self.neurons(operation, self.arrays[theta])

    def _add(self, operation: Operation, one: str, other: str) -> None:
        if not {one, other} <= self.sources.keys():
            _refuse(operation)
        self.sources[operation.name] = self.incoming(one) + self.incoming(other)

    def _mul(self, operation: Operation, one: Any, other: Any) -> None:
        value, factor = (one, other) if one in self.sources else (other, one)
        if factor in self.sources or (isinstance(factor, str) and factor not in self.arrays):
            _refuse(operation)
        array = self.arrays[factor] if isinstance(factor, str) else np.float32(factor)
        self.scale(operation, value, array.reshape(array.shape[-len(operation.shape) :]))

    def _convolution(
        self, operation: Operation, value: str, weight: str, bias: str | None = None, *settings: Any
    ) -> None:
        stride, padding, dilation, groups = [*settings, *_CONVOLUTION[len(settings) :]]
        kernel, sources = self.weights(value, self.arrays[weight])
        flat = kernel.ndim == 3
        if not flat and kernel.ndim != 4:
            _refuse(operation)
        size = self.shapes[value][1:]
        node = (nir.Conv1d if flat else nir.Conv2d)(
            input_shape=size[0] if flat else size,
            weight=kernel,
            stride=_of(stride, flat),
            padding=padding if isinstance(padding, str) else _of(padding, flat),
            dilation=_of(dilation, flat),
            groups=groups,
            bias=self._bias(bias, len(kernel)),
        )
        self.sources[operation.name] = [self.add(operation.name, node, sources)]

    def _linear(
        self, operation: Operation, value: str, weight: str, bias: str | None = None
    ) -> None:
        matrix, sources = self.weights(value, self.arrays[weight])
        node = nir.Affine(matrix, self._bias(bias, len(matrix)))
        self.sources[operation.name] = [self.add(operation.name, node, sources)]

    def _bias(self, name: str | None, size: int) -> np.ndarray:
        return np.zeros(size, np.float32) if name is None else self.arrays[name]

    def _average(
        self, operation: Operation, value: str, kernel: Any, stride: Any = (),
        padding: Any = (0, 0), ceil: bool = False, count_padding: bool = True,
        divisor: int | None = None,
    ) -> None:  # fmt: skip
        padded = any(padding) and not count_padding
        if ceil or padded or divisor is not None:
            _refuse(operation)
        pair = _of(kernel, False)
        self.pool(operation, value, pair, _of(stride or pair, False), _of(padding, False))

    def _adaptive_average(self, operation: Operation, value: str, size: list[int]) -> None:
        height, width = self.shapes[value][-2:]
        if height % size[0] or width % size[1]:
            _refuse(operation)
        kernel = (height // size[0], width // size[1])
        self.pool(operation, value, kernel, kernel, (0, 0))

    def _mean(self, operation: Operation, value: str, dims: list[int], keep: bool = False) -> None:
        shape = self.shapes[value]
        if sorted(dim % (len(shape) + 1) for dim in dims) != [2, 3]:
            _refuse(operation)
        if keep:
            self.pool(operation, value, shape[1:], shape[1:], (0, 0))
            return
        pooled = Operation(f"{operation.name}.pool", operation.call, (), (shape[0], 1, 1))
        self.pool(pooled, value, shape[1:], shape[1:], (0, 0))
        self.shapes[pooled.name] = pooled.shape
        self.flatten(operation, pooled.name)

    def _reshape(self, operation: Operation, value: str, *_: Any) -> None:
        if operation.shape == self.shapes[value]:
            self.same(operation, value)
        elif len(operation.shape) == 1:
            self.flatten(operation, value)
        else:
            _refuse(operation)

    def flatten(self, operation: Operation, value: str) -> None:
        """Give a value one dimension; those of NIR do not count the dimension of images."""
        node = nir.Flatten({"input": np.array(self.shapes[value])}, start_dim=0, end_dim=-1)
        self.sources[operation.name] = [self.add(operation.name, node, self.incoming(value))]


_TRANSLATIONS: dict[str, Callable[..., None]] = {
    "neurons": GraphBuilder._neurons,
    "add": GraphBuilder._add, "add_": GraphBuilder._add,
    "mul": GraphBuilder._mul,
    "conv1d": GraphBuilder._convolution, "conv2d": GraphBuilder._convolution,
    "linear": GraphBuilder._linear,
    "avg_pool2d": GraphBuilder._average, "adaptive_avg_pool2d": GraphBuilder._adaptive_average,
    "mean": GraphBuilder._mean,
    "flatten": GraphBuilder._reshape, "view": GraphBuilder._reshape,
    "reshape": GraphBuilder._reshape,
}  # fmt: skip


def _of(setting: Any, flat: bool) -> Any:
    """A setting of a convolution as NIR has it: a pair, or for one dimension a number."""
    values = list(setting) if isinstance(setting, list | tuple) else [setting]
    return values[0] if flat else tuple(values * 2 if len(values) == 1 else values)


def _refuse(operation: Operation) -> None:
    raise ConversionError(
        f"cannot write `{operation.name}` in NIR: it has no node for `{operation.call}` with "
        f"{operation.arguments}; the targets `norse` and `snntorch` write any operation"
    )


def write_graph(graph: nir.NIRGraph, path: Path) -> None:
    """Write a graph; the file is there whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    data = io.BytesIO()
    nir.write(data, graph)
    with exclusive(path.parent):
        write_bytes(path, data.getvalue())
