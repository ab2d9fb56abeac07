"""Why an operation has no spiking counterpart, in the words of a message to its author."""

from __future__ import annotations

from collections import defaultdict

from torch import fx, nn

from resnoise.conversion.affine import Facts, is_affine
from resnoise.conversion.operators import SCALINGS, call_name, describe
from resnoise.conversion.rectifiers import is_relu

_SMOOTH = (
    "GELU", "SiLU", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh", "ELU", "SELU", "CELU", "Mish",
    "LeakyReLU", "PReLU", "RReLU", "Softplus", "Softsign", "LogSigmoid", "Hardtanh", "GLU",
    "Hardshrink", "Threshold", "clamp", "clip",
)  # fmt: skip
_NORMS = (
    "LayerNorm", "GroupNorm", "InstanceNorm", "LocalResponseNorm", "RMSNorm", "BatchNorm",
    "layer_norm", "group_norm", "instance_norm", "batch_norm", "local_response_norm", "normalize",
)  # fmt: skip
_PRODUCTS = (
    "MultiheadAttention", "Bilinear", "matmul", "bmm", "mm", "einsum", "scaled_dot_product",
    "Softmax", "softmax", "pow", "square",
)  # fmt: skip
_MAXIMA = ("max", "amax", "maximum", "minimum", "min", "amin", "Maxout", "AdaptiveMaxPool", "topk")


def refused(network: fx.GraphModule, known: Facts) -> str | None:
    """What of a traced model has no spiking counterpart, each kind once, and why; None if nothing.

    Args:
        network: traced model.
        known: of it, see `resnoise.conversion.affine.facts`.
    """
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for node in network.graph.nodes:
        if not is_affine(node, known) and not is_relu(node, known.modules):
            kind = _kind(node, known.modules)
            kinds[f"{kind} {_reason(node, kind)}"].append(
                f"{describe(node, known.modules)} ({_reason(node, kind)})"
            )
    if not kinds:
        return None
    named = [first + _others(len(rest)) for first, *rest in kinds.values()]
    return f"cannot convert {'; '.join(named)}"


def _others(count: int) -> str:
    return f" and {count} more like it" if count else ""


def _kind(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    if node.op == "call_module":
        return type(modules[node.target]).__name__
    return call_name(node) or (
        node.target if isinstance(node.target, str) else node.target.__name__
    )


def _reason(node: fx.Node, kind: str) -> str:
    lower = kind.lower()
    if kind in SCALINGS or kind.startswith(_PRODUCTS):
        return (
            "a product of activations, as in attention and squeeze-and-excitation, is not the mean "
            "over time of the products of spikes"
        )
    if kind.startswith(_NORMS):
        return "statistics of each input differ from step to step; BatchNorm's are fixed"
    if any(lower == name.lower() for name in _SMOOTH):
        return "integrate-and-fire neurons compute clipped ReLUs; train with nn.ReLU there"
    if kind.startswith(_MAXIMA):
        return "a maximum over spikes is not the maximum over rates"
    if call_name(node) is not None or kind in ("Flatten", "Unflatten"):
        return (
            "between ReLUs only what is affine in each image has a spiking counterpart; name "
            "dimensions from the front, 0 is the images, since −2 may be any"
        )
    return "it is not known to be affine in each image, see resnoise/conversion/affine.py"
