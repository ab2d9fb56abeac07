"""What the operations of a traced model are: kinds of modules, names of calls, sizes among them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED_CONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
DROPOUTS = (
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout,
)  # fmt: skip
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
AVERAGE_POOLS = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip
PADS = (
    nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d,
    nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
    nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d,
    nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d,
    nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d,
)  # fmt: skip
AFFINE_MODULES: tuple[type[nn.Module], ...] = (
    *CONVOLUTIONS, *TRANSPOSED_CONVOLUTIONS, nn.Linear, *BATCH_NORMS, *AVERAGE_POOLS, *PADS,
    nn.Flatten, nn.Unflatten, nn.Identity,
    nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle,
    *DROPOUTS,
)  # fmt: skip
"""Modules that are affine in evaluation, where dropout is the identity, see `affine`."""

# One name for all ways to call an operation: as a function, a method or an operator.
_ALIASES = {
    "concat": "cat", "concatenate": "cat", "subtract": "sub", "multiply": "mul",
    "truediv": "div", "divide": "div", "true_divide": "div", "negative": "neg",
    "swapaxes": "transpose", "swapdims": "transpose",
}  # fmt: skip
LINEAR_CALLS = ("linear", "conv1d", "conv2d", "conv3d")
TRANSPOSED_CALLS = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
AVERAGE_CALLS = (
    "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
)  # fmt: skip
_NAMES = (
    "add", "sub", "neg", "mul", "div", "mean", "sum", "contiguous", "float", "clone",
    "flatten", "unflatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose",
    "cat", "stack", "chunk", "split", "tensor_split", "unbind", "getitem",
    "select", "narrow", "flip", "roll",
    "pad", "interpolate", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle",
    *AVERAGE_CALLS, *LINEAR_CALLS, *TRANSPOSED_CALLS, *_ALIASES,
)  # fmt: skip
_FUNCTIONS: dict[Callable, str] = {
    getattr(space, name): _ALIASES.get(name, name)
    for name in _NAMES
    for space in (operator, torch, F)
    if hasattr(space, name)
}

SCALINGS = ("mul", "div")
VIEWING_MODULES = (nn.Flatten, nn.Unflatten, nn.Identity, *DROPOUTS)
VIEWING_CALLS = frozenset(
    {
        "flatten", "unflatten", "view", "reshape", "contiguous", "float", "squeeze", "unsqueeze",
        "permute", "transpose", "chunk", "split", "tensor_split", "unbind", "getitem", "select",
        "narrow",
    }
)  # fmt: skip
"""What may hand out the memory of its input, in which a later operation in place then writes."""

_SIZE_METHODS = frozenset({"size", "dim", "ndimension"})
_SIZE_ATTRIBUTES = frozenset({"shape", "ndim"})
_SIZE_ARITHMETIC: frozenset[Callable] = frozenset(
    {operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv}
)


def call_name(node: fx.Node) -> str | None:
    """The one name of what a node calls, or None for modules and what is not known here.

    `torch.concat` is `cat`, `x / 2` is `div`, `x.swapaxes` is `transpose`.
    """
    if node.op == "call_function":
        return _FUNCTIONS.get(node.target)
    if node.op == "call_method" and node.target in _NAMES:
        return _ALIASES.get(node.target, node.target)
    return None


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """An argument of a call, by position or name; NumPy's `axis` is `dim`."""
    if len(node.args) > position:
        return node.args[position]
    other = {"dim": "axis", "input": "self"}.get(name, name)
    return node.kwargs.get(name, node.kwargs.get(other, default))


def dimensions(node: fx.Node, position: int, name: str) -> tuple[Any, ...]:
    """An argument that is several numbers, given as one tuple or one after another."""
    value = argument(node, position, name, ())
    if isinstance(value, tuple | list):
        return tuple(value)
    return node.args[position:] or (value,)


def new_shape(node: fx.Node) -> tuple[Any, ...]:
    """The shape that a `view` or `reshape` asks for."""
    if len(node.args) > 1:
        return dimensions(node, 1, "shape")
    return tuple(node.kwargs.get("shape", node.kwargs.get("size", ())))


def is_size(node: fx.Node) -> bool:
    """Whether `node` is a shape, or a number taken or computed from shapes, and no tensor."""
    if node.target in _SIZE_ARITHMETIC:
        return all(map(is_size, node.all_input_nodes))
    return is_read_from_shape(node)


def is_read_from_shape(node: fx.Node) -> bool:
    """Whether `node` is a shape or a part of one."""
    if node.op == "call_method":
        return node.target in _SIZE_METHODS
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] in _SIZE_ATTRIBUTES
    return node.target is operator.getitem and is_read_from_shape(node.args[0])


def is_view(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether the output of a node may lie in the memory of its input."""
    if node.op == "call_module":
        return isinstance(modules.get(node.target), VIEWING_MODULES)
    return call_name(node) in VIEWING_CALLS and not is_size(node)


def depending_on_images(graph: fx.Graph) -> set[fx.Node]:
    """The nodes whose values may differ from image to image, or with the size of images."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder" or found.intersection(node.all_input_nodes):
            found.add(node)
    return found


def describe(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """Name an operation as its author would know it, for an error message."""
    if node.op == "call_module":
        return f"{type(modules[node.target]).__name__} `{node.target}`"
    name = node.target if isinstance(node.target, str) else node.target.__name__
    return f"operation `{name}` (node `{node.name}`{where(node)})"


def where(node: fx.Node) -> str:
    """The module and line that a traced operation is from, as far as they are known."""
    module, line = node.meta.get("module"), node.meta.get("line")
    return (f" in `{module}`" if module else "") + (f", {line}" if line else "")
