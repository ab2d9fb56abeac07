"""Layers that a model calls as functions, with weights of its own, become modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.operators import (
    LINEAR_CALLS,
    TRANSPOSED_CALLS,
    call_name,
    depending_on_images,
)
from resnoise.conversion.rectifiers import free_name, replace

_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = (*_CONVOLUTION[:5], "output_padding", "groups", "dilation")
_KINDS: dict[str, type[nn.Module]] = {
    "conv1d": nn.Conv1d, "conv2d": nn.Conv2d, "conv3d": nn.Conv3d,
    "conv_transpose1d": nn.ConvTranspose1d, "conv_transpose2d": nn.ConvTranspose2d,
    "conv_transpose3d": nn.ConvTranspose3d,
}  # fmt: skip


@torch.no_grad()
def with_layers(network: fx.GraphModule) -> fx.GraphModule:
    """A network in which each call of `F.linear`, `F.conv2d` and the like is a layer.

    Their weights may be computed from parameters, as in weight standardisation; they are what they
    are now.

    Args:
        network: source network in evaluation mode, changed in place.
    """
    calls = [n for n in network.graph.nodes if call_name(n) in (*LINEAR_CALLS, *TRANSPOSED_CALLS)]
    if not calls:
        return network
    values = _constants(network)
    for node in calls:
        name = call_name(node)
        order = _TRANSPOSED if name in TRANSPOSED_CALLS else _CONVOLUTION
        given = dict(zip(order, node.args, strict=False)) | node.kwargs
        weight, bias = values[given.pop("weight")], values.get(given.pop("bias", None))
        given.pop("input")
        layer = _layer(name, weight, bias is not None, given)
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
        replace(network, node, layer.requires_grad_(False), free_name(network, node))
    for node in reversed(list(network.graph.nodes)):
        if node in values and not node.users:
            network.graph.erase_node(node)
    # Made anew, it is without the parameters that nothing reads any more.
    return fx.GraphModule(network, network.graph, type(network).__name__)


def _constants(network: fx.GraphModule) -> dict[fx.Node, Any]:
    """What does not depend on the images, by the node that computes it."""
    images = depending_on_images(network.graph)
    interpreter = fx.Interpreter(network, garbage_collect_values=False)
    interpreter.env = {}
    for node in network.graph.nodes:
        if node not in images and node.op != "output":
            interpreter.env[node] = interpreter.run_node(node)
    return interpreter.env


def _layer(name: str, weight: Tensor, bias: bool, settings: dict[str, Any]) -> nn.Module:
    kind = {"bias": bias, "device": weight.device, "dtype": weight.dtype}
    if name == "linear":
        return nn.Linear(weight.shape[1], weight.shape[0], **kind)
    groups = settings.get("groups", 1)
    channels = (weight.shape[1] * groups, weight.shape[0])
    if name in TRANSPOSED_CALLS:
        channels = (weight.shape[0], weight.shape[1] * groups)
    return _KINDS[name](*channels, tuple(weight.shape[2:]), **settings, **kind)
