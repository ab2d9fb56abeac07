"""BatchNorm folded into the convolution or linear layer before it."""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import fx, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from resnoise.conversion.functional import with_layers
from resnoise.conversion.operators import (
    AFFINE_MODULES,
    BATCH_NORMS,
    CONVOLUTIONS,
    TRANSPOSED_CONVOLUTIONS,
)

SAME_SHAPE = (nn.Linear, *BATCH_NORMS, nn.Identity, nn.Dropout)
"""Affine modules that keep the number of dimensions, and may stand between linear layers."""


def folded(network: fx.GraphModule) -> fx.GraphModule:
    """A copy for evaluation, without gradients, in which no layer computes more than it has to.

    Every BatchNorm that directly follows a convolution or linear layer is folded into it, when
    nothing else reads the output of the layer and neither module is called elsewhere. A BatchNorm
    that remains is affine in evaluation, hence still convertible. After a linear layer it stays
    where the layer may give more dimensions than `[N, features]`, of which the norm takes the
    second and the layer the last.

    Weights that `torch.nn.utils.parametrizations` computes anew with every call become plain ones,
    and layers that are called as functions become modules.

    Args:
        network: traced network.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    _compute_weights_(network)
    network = with_layers(network)
    _fold_batch_norm_(network)
    return network


def _compute_weights_(network: nn.Module) -> None:
    for layer in filter(parametrize.is_parametrized, network.modules()):
        weights = {name: getattr(layer, name).detach() for name in layer.parametrizations}
        # Not by `remove_parametrizations`: it takes the weights from the class, which the module
        # shares with the one that it was copied from.
        layer.__class__ = parametrize.type_before_parametrizations(layer)
        del layer.parametrizations
        for name, weight in weights.items():
            layer.register_parameter(name, nn.Parameter(weight, requires_grad=False))


def _fold_batch_norm_(network: fx.GraphModule) -> None:
    calls = Counter(node.target for node in network.graph.nodes if node.op == "call_module")
    for norm in list(network.graph.nodes):
        if norm.op != "call_module" or len(norm.all_input_nodes) != 1:
            continue
        layer = norm.all_input_nodes[0]
        only_path = layer.op == "call_module" and len(layer.users) == 1
        if not only_path or calls[layer.target] > 1 or calls[norm.target] > 1:
            continue
        fused = _fuse(network.get_submodule(layer.target), network.get_submodule(norm.target))
        if isinstance(fused, nn.Linear) and not _is_flat(layer.all_input_nodes[0], network):
            continue
        if fused is not None:
            network.set_submodule(layer.target, fused)
            norm.replace_all_uses_with(layer)
            network.graph.erase_node(norm)
    network.delete_all_unused_submodules()
    network.recompile()


def _is_flat(node: fx.Node, network: fx.GraphModule) -> bool:
    """Whether a tensor certainly has the dimensions `[N, features]`; images may have others."""
    if node.op == "call_module":
        module = network.get_submodule(node.target)
        if isinstance(module, nn.Flatten):
            return (module.start_dim, module.end_dim) == (1, -1)
        # What is not affine is an activation, of any shape like those named.
        keeps_shape = isinstance(module, SAME_SHAPE) or not isinstance(module, AFFINE_MODULES)
        return keeps_shape and _is_flat(node.all_input_nodes[0], network)
    flatten = node.target in (torch.flatten, "flatten") and not node.kwargs
    return (flatten and node.args[1:] == (1,)) or (
        node.target in ("view", "reshape") and len(node.args) == 3
    )


def _fuse(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    """The two in one, or None where they must stay two."""
    if not isinstance(norm, BATCH_NORMS) or norm.running_mean is None:
        return None
    if isinstance(layer, CONVOLUTIONS):
        return fuse_conv_bn_eval(layer, norm)
    if isinstance(layer, TRANSPOSED_CONVOLUTIONS) and layer.groups == 1:
        return fuse_conv_bn_eval(layer, norm, transpose=True)
    flat = isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
    if flat and norm.affine and layer.out_features == norm.num_features:
        return fuse_linear_bn_eval(layer, norm)
    return None
