"""The connections of a spiking network: what a spike costs, and what every layer costs densely.

They follow from the graph and the shape of the images alone; `resnoise.metrics.activity` weighs
them with the spikes of a simulation.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from enum import IntEnum
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn import functional as F

from resnoise.conversion.operators import (
    BATCH_NORMS,
    CONVOLUTIONS,
    SCALINGS,
    TRANSPOSED_CONVOLUTIONS,
)
from resnoise.simulation.network import SpikingNetwork

SYNAPTIC = (*CONVOLUTIONS, *TRANSPOSED_CONVOLUTIONS, nn.Linear)
_AVERAGES = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip
_AVERAGE_CALLS = {
    F.avg_pool1d, F.avg_pool2d, F.avg_pool3d,
    F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, torch.mean, "mean",
}  # fmt: skip
_SUMS = {
    operator.add, torch.add, "add", operator.sub, torch.sub, "sub",
}  # fmt: skip


class Drive(IntEnum):
    """What the input of a layer is made of; a layer with several inputs has the last of theirs."""

    CONSTANT = 0
    """Nothing that spikes: the same at every step, so the layer runs once an image (MACs)."""
    SPIKES = 1
    """Spikes, perhaps scaled, pooled, reshaped and added up: an accumulate a spike (ACs)."""
    GRADED = 2
    """The output of another layer of weights, no neurons between: real at every step (MACs)."""


class Site(NamedTuple):
    """One call of a layer of weights.

    Attributes:
        drive: what its input is made of.
        dense: applications of a weight to an input for one image and step; those to padding are
            left out.
        to_neurons: whether neurons come after it, or the logits are all that does.
        fan_out: how many of them read each input through a weight that is not zero, float64
            tensor of the shape of the input of one image.
    """

    drive: Drive
    dense: float
    to_neurons: bool
    fan_out: Tensor


class Synapses(NamedTuple):
    """The connections of a spiking network for images of one shape.

    Attributes:
        sites: calls of every layer of weights by its name, in the order of computation.
        accumulates: by name of a spiking layer, how many accumulates one spike of each neuron
            causes, float64 tensor of the shape of the layer's output for one image.
        accumulates_to_logits: the same, of those accumulates alone after which no neurons come.
    """

    sites: dict[str, list[Site]]
    accumulates: dict[str, Tensor]
    accumulates_to_logits: dict[str, Tensor]

    def dense(self, drive: Drive, *, to_neurons: bool = False) -> float:
        """Dense operations of one image and step in the layers of this drive.

        Args:
            drive: what the layers' input is made of.
            to_neurons: leave out layers after which no neurons come.
        """
        sites = (site for sites in self.sites.values() for site in sites if site.drive is drive)
        return sum(site.dense for site in sites if site.to_neurons or not to_neurons)


def synapses(network: SpikingNetwork, images: Tensor) -> Synapses:
    """Count the connections of a spiking network.

    A spike costs one accumulate for every weight that reads it. Pools are folded into the layer
    after them, as on chips where a sum pool merges addresses (SynSense DYNAP-CNN): a spike costs
    the fan-out of every pooled position whose window it lies in, whether or not other spikes lie
    there too. Counting pooled values instead would call an accumulate what is a product of a
    weight and a graded number. Scalings and BatchNorm fold into weights and cost nothing; nor do
    biases, and sums of branches, which add currents on the same membrane.

    Args:
        network: from `resnoise.convert`.
        images: tensor of shape `[N, C, H, W]`; only its shape, type and device count.

    Where a pool's windows differ in size (`ceil_mode`, an adaptive pool that does not divide its
    input, `count_include_pad=False`) all are taken to be as large as the one in the centre.
    """
    # The counts are gradients; simulations run under inference mode, which has none.
    with torch.inference_mode(False), torch.enable_grad():
        counting = _Counting(network)
        counting.run(torch.zeros(1, *images.shape[1:]).to(images), 1, network.rest)
        names, neurons = zip(*counting.neurons.items(), strict=True)
        all_of_them, to_logits = (
            torch.autograd.grad(total, neurons, materialize_grads=True, retain_graph=True)
            for total in (counting.accumulates, counting.accumulates_to_logits)
        )

    def by_name(counts: tuple[Tensor, ...]) -> dict[str, Tensor]:
        # Whole numbers, but for the rounding of a pool's 1/k.
        return {n: a[0].round().double() for n, a in zip(names, counts, strict=True)}

    return Synapses(dict(counting.sites), by_name(all_of_them), by_name(to_logits))


class _Counting(fx.Interpreter):
    """Run one image for one step in which every neuron fires.

    Between neurons and weights flow numbers of spikes instead of currents, so the derivative of
    `accumulates` in `neurons` is what one spike costs.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__(network.body)
        self.spiking = network.spiking_layers
        self.before_neurons = _before(network.body.graph, set(self.spiking))
        self.drives: dict[fx.Node, Drive] = {}
        self.sites: defaultdict[str, list[Site]] = defaultdict(list)
        self.neurons: dict[str, Tensor] = {}
        self.accumulates = torch.zeros((), dtype=torch.float64, requires_grad=True)
        self.accumulates_to_logits = torch.zeros((), dtype=torch.float64, requires_grad=True)

    def run_node(self, node: fx.Node) -> Any:
        drive = max((self.drives[n] for n in node.all_input_nodes), default=Drive.CONSTANT)
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
        module = self.fetch_attr(node.target) if node.op == "call_module" else None
        self.drives[node] = drive
        if module is not None and node.target in self.spiking:
            self.drives[node] = Drive.SPIKES
            self.neurons[node.target] = torch.ones_like(tensors[0]).requires_grad_()
            return self.neurons[node.target], None
        if isinstance(module, SYNAPTIC):
            if drive is not Drive.CONSTANT:
                self.drives[node] = Drive.GRADED
            return self._synaptic(node, module, tensors[0], drive)
        if drive is not Drive.SPIKES or not tensors:  # none in arithmetic with sizes
            return super().run_node(node)
        return self._between(node, module, tensors)

    def _synaptic(self, node: fx.Node, layer: nn.Module, x: Tensor, drive: Drive) -> Tensor:
        fan_out = _fan_out(layer, x, layer.weight != 0)
        dense = _fan_out(layer, x, torch.ones_like(layer.weight)).sum().item()
        to_neurons = node in self.before_neurons
        self.sites[node.target].append(Site(drive, dense, to_neurons, fan_out))
        if drive is Drive.SPIKES:
            caused = (x[0] * fan_out).sum()
            self.accumulates = self.accumulates + caused
            if not to_neurons:
                self.accumulates_to_logits = self.accumulates_to_logits + caused
        return layer(x.detach())  # for its shape

    def _between(self, node: fx.Node, module: nn.Module | None, tensors: list[Tensor]) -> Any:
        """The number of spikes that each output of an operation receives."""
        if isinstance(module, BATCH_NORMS) or node.target is operator.neg:
            return tensors[0]
        if node.target in SCALINGS:
            (driven,) = (n for n in node.all_input_nodes if self.drives[n] is Drive.SPIKES)
            return self.env[driven].expand(torch.broadcast_shapes(*(x.shape for x in tensors)))
        if module is None and node.target in _SUMS:  # a module may have the name of a method
            return sum(tensors)  # signs and `alpha` fold into weights; what is a number is a bias
        output = super().run_node(node)
        if isinstance(module, _AVERAGES) or node.target in _AVERAGE_CALLS:
            centre = output[tuple(size // 2 for size in output.shape)]
            (shares,) = torch.autograd.grad(centre, tensors[0], retain_graph=True)
            return output / shares.max()  # an average over k inputs takes 1/k of each
        return output


def _before(graph: fx.Graph, layers: set[str]) -> set[fx.Node]:
    """The nodes from which one of the spiking `layers` is reached."""
    found: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if any(user in found or user.target in layers for user in node.users):
            found.add(node)
    return found


def _fan_out(layer: nn.Module, x: Tensor, weight: Tensor) -> Tensor:
    """How many outputs read each input through `weight`, 0 or 1, shape of `x` for one image.

    That is the derivative of the sum of all outputs in the input: exact for any stride, padding,
    dilation and number of groups, and blind to padding. Weights are added up over the outputs
    first, which leaves the derivative as it is and one output channel a group to compute.
    """
    weight = weight.double()
    groups = getattr(layer, "groups", 1)
    if isinstance(layer, TRANSPOSED_CONVOLUTIONS):
        weight = weight.sum(1, keepdim=True)
    else:
        weight = weight.unflatten(0, (groups, -1)).sum(1)
    counting = {"weight": weight}
    if layer.bias is not None:
        counting["bias"] = weight.new_zeros(groups)
    probe = torch.zeros_like(x, dtype=torch.float64).requires_grad_()
    (fan_out,) = torch.autograd.grad(functional_call(layer, counting, (probe,)).sum(), probe)
    return fan_out[0]
