"""The connections of a spiking network: what a spike costs, and what every layer costs densely.

They follow from the graph and the shape of the images alone; `resnoise.metrics.activity` weighs
them with the spikes of a simulation.
"""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from resnoise.conversion.operators import (
    BATCH_NORMS,
    CONVOLUTIONS,
    SCALINGS,
    TRANSPOSED_CONVOLUTIONS,
    call_name,
    is_size,
)
from resnoise.metrics.linear_maps import counted, zeros_like
from resnoise.simulation.network import SpikingNetwork

SYNAPTIC = (*CONVOLUTIONS, *TRANSPOSED_CONVOLUTIONS, nn.Linear)


class Drive(IntEnum):
    """What the input of a layer is made of; a layer with several inputs has the last of theirs."""

    CONSTANT = 0
    """Nothing that spikes: the same at every step, so the layer runs once an image (MACs)."""
    SPIKES = 1
    """Spikes, perhaps scaled, pooled, reshaped and added up: an accumulate a spike (ACs)."""
    GRADED = 2
    """The output of another layer of weights, no neurons between: real at every step (MACs)."""


class Reach(IntEnum):
    """What a layer of weights leads to."""

    LOGITS = 0
    """No neurons."""
    LAST_NEURONS = 1
    """Neurons after which no others come."""
    NEURONS = 2
    """Neurons after which others come."""

    def received(self, steps: int, calibration: int) -> tuple[int, int]:
        """First steps that such a layer receives to calibrate neurons, and those after that.

        Where neurons calibrate themselves layer after layer, the logits take none. After it a layer
        that others follow sends its calibrated spikes for as long as the next one calibrates
        itself, also where a prediction takes fewer steps.

        Args:
            steps: of the prediction.
            calibration: that every layer of neurons calibrates itself on; 0 for none.
        """
        if self is Reach.LOGITS:
            return 0, steps
        if self is Reach.LAST_NEURONS:
            return calibration, steps
        return calibration, max(calibration, steps)


class Site(NamedTuple):
    """One call of a layer of weights.

    Attributes:
        drive: what its input is made of.
        dense: applications of a weight to an input for one image and step; those to padding are
            left out.
        reach: what it leads to.
        fan_out: how many of them read each input through a weight that is not zero, float64
            tensor of the shape of the input of one image.
        macs_once: those of them that read what depends on the images but not on time; a product
            that is the same at every step is computed once.
        macs_each_step: those that read the output of other weights, which varies.
    """

    drive: Drive
    dense: float
    reach: Reach
    fan_out: Tensor
    macs_once: float
    macs_each_step: float


class Synapses(NamedTuple):
    """The connections of a spiking network for images of one shape.

    Attributes:
        sites: calls of every layer of weights by its name, in the order of computation.
        accumulates: by name of a spiking layer, how many accumulates one spike of each neuron
            causes, those of each `Reach` apart: float64 tensor of shape `[3, ...]`, after its first
            dimension that of the layer's output for one image.
    """

    sites: dict[str, list[Site]]
    accumulates: dict[str, Tensor]

    def macs(self, steps: int, calibration: int = 0) -> float:
        """Multiply-accumulates of one image, see `Reach.received`."""
        return sum(
            site.macs_once + sum(site.reach.received(steps, calibration)) * site.macs_each_step
            for site in self._all()
        )

    def dense(self, steps: int, calibration: int = 0) -> float:
        """Dense operations of one image, see `Reach.received`; constant input is taken once."""
        return sum(
            site.dense
            * (1 if site.drive is Drive.CONSTANT else sum(site.reach.received(steps, calibration)))
            for site in self._all()
        )

    def _all(self) -> list[Site]:
        return [site for sites in self.sites.values() for site in sites]


def synapses(network: SpikingNetwork, images: Tensor) -> Synapses:
    """Count the connections of a spiking network.

    A spike costs one accumulate for every weight that reads it. Pools are folded into the layer
    after them, as on chips where a sum pool merges addresses (SynSense DYNAP-CNN): a spike costs
    the fan-out of every pooled position whose window it lies in, whether or not other spikes lie
    there too. Counting pooled values instead would call an accumulate what is a product of a
    weight and a graded number; so with the taps of a bilinear interpolation. A layer that reads
    spikes and analogue values costs what two layers would, one for each. Scalings and BatchNorm
    fold into weights and cost nothing; nor do biases, and sums of branches, which add currents on
    the same membrane.

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
        by_reach = [
            torch.autograd.grad(total, neurons, materialize_grads=True, retain_graph=True)
            for total in counting.accumulates
        ]
    # Whole numbers, but for the rounding of a pool's 1/k.
    accumulates = {
        name: torch.cat(counts).round().double()
        for name, *counts in zip(names, *by_reach, strict=True)
    }
    return Synapses(dict(counting.sites), accumulates)


class _Parts(NamedTuple):
    """What a tensor of one image is made of: parts of its shape, or None where there is none.

    Attributes:
        constant: not 0 where the tensor depends on the images, the same at every step.
        spikes: how many spikes each element receives if every neuron fires.
        graded: not 0 where the tensor depends on a layer of weights whose output varies in time.
    """

    constant: Any = None
    spikes: Any = None
    graded: Any = None

    @property
    def drive(self) -> Drive:
        return max((d for d in Drive if self[d] is not None), default=Drive.CONSTANT)


class _Counting(fx.Interpreter):
    """Run one image for one step in which every neuron fires.

    Beside the tensors flow the parts that they are made of, each through the same operations with
    all else zero, since what is affine may be taken apart. Of spikes these are numbers, so the
    derivative of `accumulates` in `neurons` is what one spike costs.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__(network.body)
        self.spiking = network.spiking_layers
        self.before_neurons = _before(network.body.graph, set(self.spiking))
        followed = {node.target for node in self.before_neurons} & set(self.spiking)
        self.before_followed = _before(network.body.graph, followed)
        self.parts: dict[fx.Node, _Parts] = {}
        self.sites: defaultdict[str, list[Site]] = defaultdict(list)
        self.neurons: dict[str, Tensor] = {}
        self.accumulates = [torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in Reach]

    def run_node(self, node: fx.Node) -> Any:
        args, _ = self.fetch_args_kwargs_from_env(node)
        module = self.fetch_attr(node.target) if node.op == "call_module" else None
        if module is not None and node.target in self.spiking:
            self.neurons[node.target] = torch.ones_like(args[0]).requires_grad_()
            self.parts[node] = _Parts(spikes=self.neurons[node.target])
            return torch.ones_like(args[0]), None
        if isinstance(module, SYNAPTIC):
            (source,) = node.all_input_nodes
            output = module(self.env[source])  # for its shape
            drive = self._synaptic(node, module, source)
            kind = "constant" if drive is Drive.CONSTANT else "graded"
            self.parts[node] = _Parts(**{kind: torch.ones_like(output)})
            return output
        output = super().run_node(node)
        self.parts[node] = self._parts(node, output)
        return output

    def _synaptic(self, node: fx.Node, layer: nn.Module, source: fx.Node) -> Drive:
        x, parts = self.env[source], self.parts[source]
        fan_out = _fan_out(layer, x, layer.weight != 0)
        dense = _fan_out(layer, x, torch.ones_like(layer.weight))
        constant, graded = (
            torch.zeros_like(x[0], dtype=torch.bool) if part is None else part[0].detach() != 0
            for part in (parts.constant, parts.graded)
        )
        reach = Reach((node in self.before_neurons) + (node in self.before_followed))
        self.sites[node.target].append(
            Site(
                parts.drive,
                dense.sum().item(),
                reach,
                fan_out,
                macs_once=(dense * (constant & ~graded)).sum().item(),
                macs_each_step=(dense * graded).sum().item(),
            )
        )
        if parts.spikes is not None:
            # What a spike adds to a graded current is in its MAC.
            caused = (parts.spikes[0] * ~graded * fan_out).sum()
            self.accumulates[reach] = self.accumulates[reach] + caused
        return parts.drive

    def _parts(self, node: fx.Node, output: Any) -> _Parts:
        if node.op == "placeholder":
            return _Parts(torch.ones_like(output)) if node.name == "images" else _Parts()
        first = node.all_input_nodes[0] if node.all_input_nodes else None
        if first is not None and first.op == "call_module" and first.target in self.spiking:
            return self.parts[first]  # which of its two outputs: the spikes, or a state
        is_tensor = isinstance(output, Tensor | tuple | list) and not is_size(node)
        if node.op in ("get_attr", "output") or not is_tensor:
            return _Parts()
        return _Parts(*(self._part(node, drive, output) for drive in Drive))

    def _part(self, node: fx.Node, drive: Drive, output: Any) -> Any:
        """What an operation makes of one part of its inputs."""
        given = {n: self.parts[n][drive] for n in node.all_input_nodes}
        present = [part for part in given.values() if part is not None]
        if not present:
            return None
        module = self.fetch_attr(node.target) if node.op == "call_module" else None
        name = call_name(node)
        if isinstance(module, BATCH_NORMS) or name in ("neg", *SCALINGS):
            return present[0].expand(output.shape)
        if name in ("add", "sub"):  # signs and `alpha` fold into weights; numbers are biases
            return sum(present).expand(output.shape)
        values = {
            n: zeros_like(self.env[n]) if part is None and any(
                other is not None for other in self.parts[n]
            ) else self.env[n] if part is None else part
            for n, part in given.items()
        }  # fmt: skip
        return counted(partial(self._call, node), name, module, values)

    def _call(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        args, kwargs = fx.map_arg((node.args, node.kwargs), values.__getitem__)
        return getattr(self, node.op)(node.target, args, kwargs)


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
