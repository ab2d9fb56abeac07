"""What may stand between two activations: operations that are linear, or affine, in each image.

A spiking network computes `T` small inputs where its source network computes one. The two agree
only if everything between neurons commutes with the mean over time and treats every image of a
batch alone. What is not listed here is refused by name, so nothing stays unconverted in silence.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.activation import is_activation
from resnoise.conversion.operators import (
    AFFINE_MODULES,
    AVERAGE_CALLS,
    BATCH_NORMS,
    LINEAR_CALLS,
    SCALINGS,
    TRANSPOSED_CALLS,
    argument,
    call_name,
    depending_on_images,
    dimensions,
    is_read_from_shape,
    is_size,
    new_shape,
)
from resnoise.conversion.ranks import ranks

_ALWAYS = (
    "neg", "contiguous", "float", "clone", "interpolate", "pixel_shuffle", "pixel_unshuffle",
    "channel_shuffle", *AVERAGE_CALLS,
)  # fmt: skip
# Of those that name dimensions: at which position, and under which name.
_DIMENSIONS = {
    "mean": (1, "dim"), "sum": (1, "dim"), "squeeze": (1, "dim"), "flip": (1, "dims"),
    "roll": (2, "dims"), "flatten": (1, "start_dim"), "unflatten": (1, "dim"), "cat": (1, "dim"),
    "chunk": (2, "dim"), "split": (2, "dim"), "tensor_split": (2, "dim"), "unbind": (1, "dim"),
    "select": (1, "dim"), "narrow": (1, "dim"),
}  # fmt: skip
_ELEMENTWISE = ("add", "sub", *SCALINGS)
_RANDOM = ("rand", "bernoulli", "normal", "multinomial", "poisson", "dropout", "rrelu", "uniform")


class Facts(NamedTuple):
    """What is known of a traced model.

    Attributes:
        modules: its submodules by name.
        images: the nodes that depend on the images.
        ranks: number of dimensions of those nodes for which it is certain.
        constants: shapes of parameters, buffers and what is computed from them alone.
    """

    modules: dict[str, nn.Module]
    images: set[fx.Node]
    ranks: dict[fx.Node, int]
    constants: dict[fx.Node, torch.Size]


def facts(network: fx.GraphModule) -> Facts:
    """What is known of a traced model, see `Facts`."""
    images = depending_on_images(network.graph)
    return Facts(
        dict(network.named_modules()), images, ranks(network), _constant_shapes(network, images)
    )


@torch.no_grad()
def _constant_shapes(network: fx.GraphModule, images: set[fx.Node]) -> dict[fx.Node, torch.Size]:
    interpreter = fx.Interpreter(network, garbage_collect_values=False)
    interpreter.env = {}
    for node in network.graph.nodes:
        given = all(n in interpreter.env for n in node.all_input_nodes)
        # A module may change its state when it is called, as BatchNorm does in training.
        if node in images or not given or node.op in ("output", "call_module"):
            continue
        if not _is_random(node):
            interpreter.env[node] = interpreter.run_node(node)
    values = interpreter.env.items()
    return {node: value.shape for node, value in values if isinstance(value, Tensor)}


def is_affine(node: fx.Node, known: Facts) -> bool:
    """Whether a traced operation may stand between the neurons of a spiking network.

    Args:
        node: node of a traced graph.
        known: of the traced model, see `facts`.
    """
    if node.op in ("placeholder", "output", "get_attr") or is_activation(node, known.modules):
        return True
    if node not in known.images:  # computed from parameters alone: the same for all images
        return not _is_random(node)
    if node.op == "call_module":
        module = known.modules[node.target]
        return isinstance(module, AFFINE_MODULES) and not _mixes_images(module, node, known)
    name = call_name(node)
    if name in ("view", "reshape"):
        return _keeps_batch(node, known)
    # With time folded into the batch the number of images is another.
    if any(_has_batch_size(n, known) for n in node.all_input_nodes):
        return False
    if is_size(node):
        return True
    if "out" in node.kwargs:
        return False
    if name in _ELEMENTWISE:
        return _is_elementwise(node, name, known)
    if name in (*LINEAR_CALLS, *TRANSPOSED_CALLS):
        weights = (argument(node, 1, "weight"), argument(node, 2, "bias"))
        return not any(isinstance(x, fx.Node) and x in known.images for x in weights)
    return name in _ALWAYS or _leaves_images_alone(node, name, known)


def _is_random(node: fx.Node) -> bool:
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    called = node.op in ("call_function", "call_method")
    return called and any(word in name for word in _RANDOM)


def _within_image(dim: object, rank: int | None) -> bool:
    """Whether a dimension is certainly not that of the images.

    What is counted from the end may be any, before the number of dimensions is known: of `[N, C]`,
    −2 is the images. A tensor of images has two dimensions at least, so −1 is fine.
    """
    if not isinstance(dim, int) or isinstance(dim, bool) or dim == 0:
        return False
    return dim > 0 or (dim == -1 if rank is None else dim + rank > 0)


def _mixes_images(module: nn.Module, node: fx.Node, known: Facts) -> bool:
    """Whether a module of an affine type may compute across the images of a batch."""
    rank = known.ranks.get(node.all_input_nodes[0])
    if isinstance(module, BATCH_NORMS):
        return module.running_mean is None  # normalises by each batch, in evaluation too
    if isinstance(module, nn.Flatten):
        return not _within_image(module.start_dim, rank)
    return isinstance(module, nn.Unflatten) and not _within_image(module.dim, rank)


def _has_batch_size(node: fx.Node, known: Facts) -> bool:
    """Whether a node is the number of images, or may be a shape's part that has it."""
    if not is_read_from_shape(node) or node not in known.images:
        return False
    if node.op == "call_method":
        return node.target == "size" and _is_zero(argument(node, 1, "dim"), node.args[0], known)
    if node.target is getattr:
        return False
    index = node.args[1]
    if isinstance(index, slice):
        start = index.start or 0
        return not isinstance(start, int) or _is_zero(start, node.args[0].args[0], known)
    return _is_zero(index, node.args[0].args[0], known)


def _is_zero(index: object, tensor: fx.Node, known: Facts) -> bool:
    if index is None:
        return False  # the whole shape, of which parts are taken
    if isinstance(index, int) and index < -1 and isinstance(tensor, fx.Node):
        return not _within_image(index, known.ranks.get(tensor))
    return index == 0


def _keeps_batch(node: fx.Node, known: Facts) -> bool:
    first, *others = new_shape(node) or (None,)
    if not others or any(isinstance(x, fx.Node) and _has_batch_size(x, known) for x in others):
        return False
    if isinstance(first, fx.Node):
        return not isinstance(first.args[-1], slice) and _has_batch_size(first, known)
    return first == -1


def _is_elementwise(node: fx.Node, name: str, known: Facts) -> bool:
    """Whether a sum, or a product or quotient, is affine in each image.

    A product is linear in at most one tensor of activations. Parameters and buffers are no such
    tensors: they are the same for all images, unless they have a dimension for these themselves.
    """
    operands = [argument(node, 0, "input"), argument(node, 1, "other")]
    activations = [x for x in operands if isinstance(x, fx.Node) and x in known.images]
    if name in SCALINGS and any(map(is_size, activations)):
        return False
    activations = [x for x in activations if not is_size(x)]
    if len({known.ranks[x] for x in activations if x in known.ranks}) > 1:
        return False  # the images of one would meet another dimension of the other
    rank = min((known.ranks.get(x, 2) for x in activations), default=2)
    for shape in (known.constants[x] for x in operands if x in known.constants):
        if len(shape) > rank or (len(shape) == rank and shape[0] != 1):
            return False
    if name == "mul":
        return len(activations) <= 1
    if name == "div":
        return activations == operands[:1] and node.kwargs.get("rounding_mode") is None
    return True


def _leaves_images_alone(node: fx.Node, name: str | None, known: Facts) -> bool:
    first = argument(node, 0, "tensors" if name in ("cat", "stack") else "input")
    tensors = first if isinstance(first, tuple | list) else [first]
    if not all(isinstance(x, fx.Node) and x in known.images for x in tensors):
        return False  # a parameter among them has images of its own
    rank = known.ranks.get(tensors[0])
    if name in ("unsqueeze", "stack"):
        return _within_image(argument(node, 1, "dim", 0), None if rank is None else rank + 1)
    if name == "permute":
        return dimensions(node, 1, "dims")[:1] in ((0,), (None if rank is None else -rank,))
    if name == "transpose":
        dims = (argument(node, 1, "dim0"), argument(node, 2, "dim1"))
        return all(_within_image(dim, rank) for dim in dims)
    if name == "pad":
        return len(argument(node, 1, "pad")) // 2 < (rank or 2)
    if name == "getitem":
        return _is_slice(node, rank)
    if name not in _DIMENSIONS:
        return False
    position, word = _DIMENSIONS[name]
    dims = argument(node, position, word, 0)
    dims = dims if isinstance(dims, tuple | list) else (dims,)
    return len(dims) > 0 and all(_within_image(dim, rank) for dim in dims)  # none means all


def _is_slice(node: fx.Node, rank: int | None) -> bool:
    """Whether an index picks parts of each image, the same of all."""
    source, index = node.args
    if call_name(source) in ("chunk", "split", "tensor_split", "unbind"):
        return isinstance(index, int | slice)  # one of several tensors
    index = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(i, int | slice) or i in (None, Ellipsis) for i in index):
        return False
    if any(isinstance(x, fx.Node) for i in index if isinstance(i, slice) for x in
           (i.start, i.stop, i.step)):  # fmt: skip
        return False
    if index[0] is Ellipsis:
        return sum(i is not None for i in index[1:]) < (rank or 2) and None not in index
    return index[0] == slice(None)
