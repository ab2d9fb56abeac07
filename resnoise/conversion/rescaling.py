r"""Thresholds of channels folded into weights, so that a layer of neurons has one threshold.

For a positive θ_c, `relu(z_c) = θ_c relu(z_c/θ_c)`: dividing what comes into a channel by θ_c, and
multiplying what reads it by θ_c, changes nothing but the unit of its activation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from resnoise.conversion.activation import activations
from resnoise.conversion.operators import (
    BATCH_NORMS,
    CONVOLUTIONS,
    DROPOUTS,
)
from resnoise.errors import ConfigError

_CHANNEL_WISE = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.ZeroPad2d, nn.Identity, *DROPOUTS,
)  # fmt: skip
_CHANNEL_WISE_CALLS = {
    F.avg_pool1d, F.avg_pool2d, F.avg_pool3d,
    F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d,
}  # fmt: skip
_DONE = "thresholds of channels are folded in"


@torch.no_grad()
def rescale_channels_(network: fx.GraphModule, thresholds: Mapping[str, Tensor]) -> None:
    """Divide the input of every channel of an activation by θ_c, and multiply its output by θ_c.

    The factors are folded into the convolution, linear layer or BatchNorm before, and into the
    convolutions and linear layers after, through pools, flattening, padding and dropout; where
    there is none, or it is called twice or shares its weights, they become products.

    Args:
        network: source network from `resnoise.prepare`; changed in place.
        thresholds: θ by activation, larger than 0, tensor of shape `[C, 1, ...]` that broadcasts
            over its input `[N, C, ...]`.

    Raises:
        ConfigError: this was done to the network before.
    """
    require_not_rescaled(network)
    fold = _Fold(network)
    nodes = {n.target: n for n in network.graph.nodes if n.op == "call_module"}
    for name in activations(network):
        theta = thresholds[name]
        fold.divide_input(nodes[name], theta)
        fold.multiply_output(nodes[name], theta)
    network.graph.lint()
    network.recompile()
    network.meta[_DONE] = True


def require_not_rescaled(network: fx.GraphModule) -> None:
    """Raise `ConfigError` if thresholds of channels were folded into a network."""
    if network.meta.get(_DONE):
        raise ConfigError(
            "expected a network without thresholds of channels, but they are folded into this one "
            "already; prepare the model anew"
        )


class _Fold:
    """Folds factors of channels into the layers of weights of a network."""

    def __init__(self, network: fx.GraphModule) -> None:
        self.network = network
        self.modules = dict(network.named_modules())
        self.calls = Counter(n.target for n in network.graph.nodes if n.op == "call_module")
        owned = (p for m in self.modules.values() for p in m.parameters(recurse=False))
        self.owners = Counter(map(id, owned))

    def divide_input(self, activation: fx.Node, theta: Tensor) -> None:
        source = activation.args[0]
        rows = self._rows(source, theta) if len(source.users) == 1 else ()
        for weights in rows:
            weights.div_(theta.view(-1, *(1,) * (weights.dim() - 1)))
        if not rows:
            self._multiply(source, 1 / theta, f"{activation.target}_gain", {activation})

    def multiply_output(self, activation: fx.Node, theta: Tensor) -> None:
        left = set()
        for reader in activation.users:
            columns = self._columns(reader, theta)
            if columns is None:
                left.add(reader)
            else:
                weights, factor = columns
                weights.mul_(factor)
        if left:
            self._multiply(activation, theta, f"{activation.target}_size", left)

    def _rows(self, node: fx.Node, theta: Tensor) -> tuple[Tensor, ...]:
        """What of a layer scales its output channels, the first dimension; empty if nothing does.

        A linear layer has its outputs in the last dimension, so that has to be the channels too.
        """
        layer = self._layer(node)
        channel_wise = isinstance(layer, (*CONVOLUTIONS, *BATCH_NORMS))
        if not channel_wise and not (isinstance(layer, nn.Linear) and theta.dim() == 1):
            return ()
        if layer.weight is None:
            return ()
        return (layer.weight,) if layer.bias is None else (layer.weight, layer.bias)

    def _columns(self, node: fx.Node, theta: Tensor) -> tuple[Tensor, Tensor] | None:
        """The weights that read an activation through `node`, and a factor of their shape for each
        input channel; None where they are not such a layer's alone.
        """
        flat = theta.dim() == 1
        while self._keeps_channels(node) or _flattens(node, self.modules):
            flat = flat or _flattens(node, self.modules)
            if len(node.users) != 1:
                return None
            node = next(iter(node.users))
        layer = self._layer(node)
        factor = theta.flatten()
        if isinstance(layer, nn.Linear) and flat and layer.in_features % len(factor) == 0:
            return layer.weight, factor.repeat_interleave(layer.in_features // len(factor))
        if flat or not isinstance(layer, CONVOLUTIONS) or layer.in_channels != len(factor):
            return None
        # Of [out, in / groups, ...], output o reads the inputs of its own group.
        by_group = factor.view(layer.groups, 1, -1).expand(
            -1, layer.out_channels // layer.groups, -1
        )
        factor = by_group.reshape(layer.out_channels, -1, *(1,) * (layer.weight.dim() - 2))
        return layer.weight, factor

    def _keeps_channels(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            return isinstance(self.modules[node.target], _CHANNEL_WISE)
        return node.target in _CHANNEL_WISE_CALLS

    def _layer(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls, if its weights are its own and used by this call alone."""
        if node.op != "call_module" or self.calls[node.target] > 1:
            return None
        module = self.modules[node.target]
        shared = any(self.owners[id(p)] > 1 for p in module.parameters(recurse=False))
        return None if shared or parametrize.is_parametrized(module) else module

    def _multiply(self, tensor: fx.Node, factor: Tensor, name: str, readers: set[fx.Node]) -> None:
        """Have `readers` read `tensor` times `factor`, a buffer of the network."""
        name = name.replace(".", "_")
        while hasattr(self.network, name):
            name += "_"
        self.network.register_buffer(name, factor)
        graph = self.network.graph
        with graph.inserting_after(tensor):
            buffer = graph.get_attr(name)
        with graph.inserting_after(buffer):
            product = graph.call_function(torch.mul, (tensor, buffer))
        tensor.replace_all_uses_with(product, delete_user_cb=lambda user: user in readers)


def _flattens(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a node turns `[N, C, ...]` into `[N, features]`, channel after channel."""
    if node.op == "call_module":
        module = modules[node.target]
        return isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1)
    if node.target in (torch.flatten, "flatten"):
        return node.args[1:] == (1,) and not node.kwargs
    return node.target == "reshape" and len(node.args) == 3 and node.args[2] == -1
