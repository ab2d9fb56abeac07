"""Which operations of a traced model are ReLUs, and what takes their place."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import QuantisedReLU

_RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"}
# Of each function or method that may be a ReLU: the arguments that follow its input.
_BETWEEN = ("min", "max")
_ARGUMENTS: dict[Any, tuple[str, ...]] = {
    F.relu6: (),
    F.hardtanh: ("min_val", "max_val"),
    F.hardtanh_: ("min_val", "max_val"),
    F.threshold: ("threshold", "value"),
    F.threshold_: ("threshold", "value"),
    torch.clamp: _BETWEEN, torch.clamp_: _BETWEEN, "clamp": _BETWEEN, "clamp_": _BETWEEN,
    torch.clip: _BETWEEN, torch.clip_: _BETWEEN, "clip": _BETWEEN, "clip_": _BETWEEN,
    torch.clamp_min: ("min",), torch.clamp_min_: ("min",), "clamp_min": ("min",),
    "clamp_min_": ("min",),
}  # fmt: skip


def relu_bound(node: fx.Node, modules: dict[str, nn.Module]) -> float | None:
    """Where a ReLU of a traced model clips its output, or None if the operation is no ReLU.

    That is infinity for `nn.ReLU`, 6 for `nn.ReLU6`, `a` for `nn.Hardtanh(0, a)` and `clamp(0, a)`.
    An activation that clips at λ ≤ a computes all of them alike.

    Args:
        node: node of a traced graph.
        modules: submodules of the traced model by name.
    """
    if node.op == "call_module":
        module = modules[node.target]
        if isinstance(module, nn.ReLU):
            return math.inf
        if isinstance(module, nn.Hardtanh):  # of which ReLU6 is one
            return _bound(module.min_val, module.max_val)
        if isinstance(module, nn.Threshold):
            return math.inf if module.threshold == module.value == 0 else None
        return None
    if node.op not in ("call_function", "call_method"):
        return None
    if node.target in _RELUS:
        return math.inf
    if node.target is F.relu6:
        return 6.0
    if node.target not in _ARGUMENTS:
        return None
    given = dict(zip(_ARGUMENTS[node.target], node.args[1:], strict=False)) | node.kwargs
    if node.target in (F.threshold, F.threshold_):
        return math.inf if (given.get("threshold"), given.get("value")) == (0, 0) else None
    if node.target in (F.hardtanh, F.hardtanh_):
        return _bound(given.get("min_val", -1.0), given.get("max_val", 1.0))
    return _bound(given.get("min"), given.get("max"))


def _bound(low: object, high: object) -> float | None:
    if not isinstance(low, int | float) or low != 0:
        return None
    if high is None:
        return math.inf
    return float(high) if isinstance(high, int | float) and high > 0 else None


def is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node of a traced graph is a ReLU, see `relu_bound`."""
    return relu_bound(node, modules) is not None


def quantise_relus_(
    network: fx.GraphModule, relus: list[fx.Node], config: ActivationConfig
) -> None:
    """Put a `QuantisedReLU` in the place of each of `relus`, nodes of `network`."""
    modules = dict(network.named_modules())
    for node in relus:
        layer = QuantisedReLU(config, ceiling=relu_bound(node, modules))
        replace(network, node, layer, free_name(network, node))


def free_name(network: fx.GraphModule, node: fx.Node) -> str:
    """The module's own name for its first call, the node's for functions and further calls."""
    own = node.op == "call_module"
    if own and not isinstance(network.get_submodule(node.target), QuantisedReLU):
        return node.target
    name = node.name
    while hasattr(network, name):
        name += "_"
    return name


def replace(network: fx.GraphModule, node: fx.Node, module: nn.Module, name: str) -> None:
    """Have `module`, under `name`, compute what `node` did, from its first input."""
    network.add_submodule(name, module.train(network.training))
    with network.graph.inserting_after(node):
        new = network.graph.call_module(name, (node.all_input_nodes[0],))
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
    network.graph.erase_node(node)
