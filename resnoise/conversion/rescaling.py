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
    TRANSPOSED_CONVOLUTIONS,
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
        thresholds: θ by activation, tensor of shape `[C]`, larger than 0; C is the size of the
            second dimension of its input.

    Raises:
        ConfigError: this was done to the network before.
    """
    if network.meta.get(_DONE):
        raise ConfigError(
            "expected a network without thresholds of channels, but they are folded into this one "
            "already; prepare the model anew"
        )
    fold = _Fold(network)
    nodes = {n.target: n for n in network.graph.nodes if n.op == "call_module"}
    for name in activations(network):
        theta = thresholds[name]
        fold.divide_input(nodes[name], theta)
        fold.multiply_output(nodes[name], theta)
    network.graph.lint()
    network.recompile()
    network.meta[_DONE] = True


class _Fold:
    """Folds factors of channels into the layers of weights of a network."""

    def __init__(self, network: fx.GraphModule) -> None:
        self.network = network
        self.modules = dict(network.named_modules())
        self.calls = Counter(n.target for n in network.graph.nodes if n.op == "call_module")
        self.owners = Counter(
            id(p) for m in self.modules.values() for p in m.parameters(recurse=False)
        )

    def divide_input(self, activation: fx.Node, theta: Tensor) -> None:
        source = activation.args[0]
        layer = self._layer(source)
        if layer is None or len(source.users) > 1 or not self._divide_rows(layer, theta):
            with self.network.graph.inserting_before(activation):
                activation.args = (self._product(source, 1 / theta, activation.target), )

    def multiply_output(self, activation: fx.Node, theta: Tensor) -> None:
        left = [u for u in activation.users if not self._multiply_reader(u, activation, theta)]
        if left:
            with self.network.graph.inserting_after(activation):
                factor = self._factor(theta, f"{activation.target}_threshold")
            with self.network.graph.inserting_after(factor):
                product = self.network.graph.call_function(torch.mul, (activation, factor))
            activation.replace_all_uses_with(product, delete_user_cb=lambda u: u in left)

    def _layer(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls, if its weights are its own and used by this call alone."""
        if node.op != "call_module" or self.calls[node.target] > 1:
            return None
        module = self.modules[node.target]
        shared = any(self.owners[id(p)] > 1 for p in module.parameters(recurse=False))
        return None if shared or parametrize.is_parametrized(module) else module
