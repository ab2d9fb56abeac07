"""What may stand between two activations: operations that are linear, or affine, in each image.

A spiking network computes `T` small inputs where its source network computes one. The two agree
only if everything between neurons commutes with the mean over time and treats every image of a
batch alone. What is not listed here is refused by name, so nothing stays unconverted in silence.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import fx, nn
from torch.nn import functional as F

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED_CONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
AFFINE_MODULES: tuple[type[nn.Module], ...] = (
    *CONVOLUTIONS, *TRANSPOSED_CONVOLUTIONS, nn.Linear, *BATCH_NORMS,
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.Flatten, nn.Unflatten, nn.Identity, nn.PixelShuffle, nn.ZeroPad2d,
    *DROPOUTS,
)  # fmt: skip
"""Modules that are affine in evaluation (dropout is the identity there), see `_mixes_images`."""

AFFINE_FUNCTIONS: frozenset[Callable] = frozenset(
    {torch.add, torch.sub, operator.add, operator.sub, operator.neg,
     F.avg_pool1d, F.avg_pool2d, F.avg_pool3d,
     F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, F.pad}
)  # fmt: skip
AFFINE_METHODS = frozenset({"add", "sub", "contiguous", "float"})

# These join or move dimensions; they are fine as long as they leave dimension 0, the images, alone.
SHAPE_FUNCTIONS: frozenset[Callable] = frozenset({torch.flatten, torch.mean, torch.cat})
SHAPE_METHODS = frozenset({"flatten", "mean", "view", "reshape"})

PRODUCTS: frozenset[Callable] = frozenset({operator.mul, torch.mul})
QUOTIENTS: frozenset[Callable] = frozenset({operator.truediv, torch.div})
SCALINGS = PRODUCTS | QUOTIENTS

VIEWING_MODULES = (nn.Flatten, nn.Unflatten, nn.Identity, *DROPOUTS)
VIEWING_CALLS = frozenset({torch.flatten, "flatten", "view", "reshape", "contiguous", "float"})
"""What may hand out the memory of its input, in which a later operation in place then writes."""

SIZE_METHODS = frozenset({"size"})
SIZE_ARITHMETIC: frozenset[Callable] = frozenset(
    {operator.add, operator.sub, operator.mul, operator.floordiv, operator.truediv}
)


def is_size(node: fx.Node) -> bool:
    """Whether `node` is a shape, or a number taken or computed from shapes, and no tensor."""
    if node.target in SIZE_ARITHMETIC:
        return all(map(is_size, node.all_input_nodes))
    return _is_read_from_shape(node)


def _is_read_from_shape(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in SIZE_METHODS
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] == "shape"
    return node.target is operator.getitem and _is_read_from_shape(node.args[0])


def _is_batch_size(node: fx.Node) -> bool:
    """Whether `node` is the number of images."""
    index = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    return _is_read_from_shape(node) and index == 0


def _within_image(dim: object) -> bool:
    """Whether a dimension is certainly not that of the images.

    What is counted from the end may be any, before the shapes of tensors are known: of `[N, C]`, −2
    is the images. A tensor of images has two dimensions at least, so −1 is fine.
    """
    return isinstance(dim, int) and dim >= -1 and dim != 0


def _mixes_images(module: nn.Module) -> bool:
    """Whether a module of an affine type may compute across the images of a batch."""
    if isinstance(module, BATCH_NORMS):
        return module.running_mean is None  # normalises by each batch, in evaluation too
    if isinstance(module, nn.Flatten):
        return not _within_image(module.start_dim)
    return isinstance(module, nn.Unflatten) and not _within_image(module.dim)


def _leaves_images_alone(node: fx.Node) -> bool:
    def argument(position: int, name: str, default: object) -> object:
        if len(node.args) > position:
            return node.args[position]
        return node.kwargs.get(name, node.kwargs.get("axis", default))

    name = node.target if node.op == "call_method" else node.target.__name__
    if name in ("view", "reshape"):
        shape = argument(1, "shape", node.kwargs.get("size"))
        first = shape[0] if isinstance(shape, tuple | list) else shape
        return first == -1 or (isinstance(first, fx.Node) and _is_batch_size(first))
    if name == "flatten":
        return _within_image(argument(1, "start_dim", 0))
    dims = argument(1, "dim", 0)
    dims = dims if isinstance(dims, tuple | list) else (dims,)
    return len(dims) > 0 and all(map(_within_image, dims))  # no dimension means all of them


def _operands(node: fx.Node) -> list[object]:
    """Arguments in their order, one that is given twice twice, unlike `all_input_nodes`."""
    return [*node.args, *node.kwargs.values()]


def _is_scaling(node: fx.Node) -> bool:
    """Whether a product or quotient is linear in at most one tensor of activations.

    Numbers, parameters and buffers are no such tensors, which are the same for all images.
    """
    factors = [x for x in _operands(node) if isinstance(x, fx.Node) and x.op != "get_attr"]
    if any(map(is_size, factors)):
        return False
    if node.target in PRODUCTS:
        return len(factors) <= 1
    rounded = node.kwargs.get("rounding_mode") is not None
    return factors in ([], _operands(node)[:1]) and not rounded


def is_affine(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a traced operation may stand between the neurons of a spiking network.

    Args:
        node: node of a traced graph.
        modules: submodules of the traced model by name.
    """
    if node.op in ("placeholder", "output", "get_attr"):
        return True
    if node.op == "call_module":
        module = modules[node.target]
        return isinstance(module, AFFINE_MODULES) and not _mixes_images(module)
    shaping = SHAPE_METHODS if node.op == "call_method" else SHAPE_FUNCTIONS
    if node.target in shaping:
        return _leaves_images_alone(node)
    # With time folded into the batch the number of images is another.
    if any(map(_is_batch_size, node.all_input_nodes)):
        return False
    if is_size(node):
        return True
    if node.target in SCALINGS:
        return _is_scaling(node)
    return node.target in (AFFINE_METHODS if node.op == "call_method" else AFFINE_FUNCTIONS)


def is_view(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether the output of a node may lie in the memory of its input."""
    if node.op == "call_module":
        return isinstance(modules.get(node.target), VIEWING_MODULES)
    return node.op.startswith("call") and node.target in VIEWING_CALLS


def describe(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """Name an operation as its author would know it, for an error message."""
    if node.op == "call_module":
        return f"{type(modules[node.target]).__name__} `{node.target}`"
    name = node.target if isinstance(node.target, str) else node.target.__name__
    return f"operation `{name}` (node `{node.name}`)"
