"""How many dimensions the tensors of a traced model have, as far as the graph alone says it.

A dimension that is counted from the end is that of the images or not, depending on it. Images are
`[N, ...]`; how many dimensions follow, the first convolution, norm or pool tells.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx, nn

from resnoise.conversion.operators import (
    AVERAGE_CALLS,
    LINEAR_CALLS,
    TRANSPOSED_CALLS,
    argument,
    call_name,
    depending_on_images,
    dimensions,
    is_size,
    new_shape,
)

_POSSIBLE = range(2, 6)
_BY_NAME = {name: int(name[-2]) + 2 for name in (*AVERAGE_CALLS, *LINEAR_CALLS[1:])} | {
    name: int(name[-2]) + 2 for name in TRANSPOSED_CALLS
}
_BY_TYPE = {
    **{getattr(nn, f"{kind}{d}d"): (d + 2,) for d in (1, 2, 3) for kind in (
        "Conv", "ConvTranspose", "AvgPool", "MaxPool", "AdaptiveAvgPool", "AdaptiveMaxPool",
        "ReflectionPad", "ReplicationPad", "CircularPad",
    )},
    nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,),
}  # fmt: skip


class _ContradictionError(Exception):
    """Images of so many dimensions cannot pass through the graph."""


def ranks(network: fx.GraphModule) -> dict[fx.Node, int]:
    """Number of dimensions of the nodes for which it is certain.

    Args:
        network: traced model.
    """
    possible = []
    for rank in _POSSIBLE:
        try:
            possible.append(_ranks(network, rank))
        except _ContradictionError:
            continue
    if not possible:
        return {}
    agreed = set.intersection(*(set(found.items()) for found in possible))
    return dict(agreed)


def _ranks(network: fx.GraphModule, images: int) -> dict[fx.Node, int]:
    found: dict[fx.Node, int] = {}
    dependent = depending_on_images(network.graph)
    for node in network.graph.nodes:
        rank = images if node.op == "placeholder" else _rank(node, network, found, dependent)
        if rank is not None:
            found[node] = rank
    return found


def _rank(
    node: fx.Node, network: fx.GraphModule, found: dict[fx.Node, int], dependent: set[fx.Node]
) -> int | None:
    if node.op == "get_attr":
        value: Any = network
        for name in node.target.split("."):
            value = getattr(value, name)
        return value.dim() if isinstance(value, Tensor) else None
    if not node.all_input_nodes or is_size(node):
        return None
    given = found.get(node.all_input_nodes[0])
    if node.op == "call_module":
        return _of_module(network.get_submodule(node.target), given)
    name = call_name(node)
    if name in _BY_NAME:
        return _require((_BY_NAME[name],), given)
    if name in ("flatten", "unflatten", "view", "reshape", "mean", "sum", "squeeze", "unsqueeze",
                "stack", "unbind", "select", "getitem"):  # fmt: skip
        return _of_shaping(name, node, given)
    if name in ("add", "sub", "mul", "div"):
        return _of_elementwise(node, found, dependent)
    return given if name else None


def _of_elementwise(
    node: fx.Node, found: dict[fx.Node, int], dependent: set[fx.Node]
) -> int | None:
    operands = [n for n in node.all_input_nodes if not is_size(n)]
    tensors = [found.get(n) for n in operands if n in dependent] or [found.get(n) for n in operands]
    if None in tensors or not tensors:
        return None
    constants = [found.get(n, 0) for n in operands if n not in dependent]
    if max(constants, default=0) > max(tensors):
        raise _ContradictionError  # a parameter would have more dimensions than images
    return max(tensors)


def _require(allowed: tuple[int, ...], given: int | None) -> int | None:
    if given is not None and given not in allowed:
        raise _ContradictionError
    return allowed[0] if len(allowed) == 1 else given


def _of_module(module: nn.Module, given: int | None) -> int | None:
    for kind, allowed in _BY_TYPE.items():
        if isinstance(module, kind):
            return _require(allowed, given)
    if isinstance(module, nn.Flatten):
        return _flattened(given, module.start_dim, module.end_dim)
    if isinstance(module, nn.Unflatten):
        return None if given is None else given + len(module.unflattened_size) - 1
    return given


def _flattened(given: int | None, start: object, end: object) -> int | None:
    if (start, end) == (1, -1):
        return 2
    if given is None or not isinstance(start, int) or not isinstance(end, int):
        return None
    return given - max(end % given - start % given, 0)


def _of_shaping(name: str, node: fx.Node, given: int | None) -> int | None:
    if name == "flatten":
        return _flattened(
            given, argument(node, 1, "start_dim", 0), argument(node, 2, "end_dim", -1)
        )
    if name in ("view", "reshape"):
        shape = new_shape(node)
        return None if len(shape) == 1 and isinstance(shape[0], fx.Node) else len(shape)
    if given is None:
        return None
    if name == "unflatten":
        sizes = argument(node, 2, "sizes")
        return given + len(sizes) - 1 if isinstance(sizes, tuple | list) else None
    if name in ("mean", "sum"):
        if argument(node, 2, "keepdim", False):
            return given
        gone = len(dimensions(node, 1, "dim"))
        return given - gone if gone else 0
    if name == "getitem":
        return _indexed(node, given)
    change = {"squeeze": None, "unsqueeze": 1, "stack": 1, "unbind": -1, "select": -1}[name]
    return None if change is None else given + change


def _indexed(node: fx.Node, given: int) -> int | None:
    if call_name(node.args[0]) in ("chunk", "split", "tensor_split", "unbind"):
        return given  # an element of a tuple
    index = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    if not all(isinstance(i, int | slice) or i in (None, Ellipsis) for i in index):
        return None
    return given - sum(isinstance(i, int) for i in index) + sum(i is None for i in index)
