"""The same network in SpikingJelly: multi-step `IFNode`s with soft reset, layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.activation import activations, is_activation


class Neurons(nn.Module):
    """A multi-step `IFNode` that starts at θ/2.

    Args:
        threshold: θ.
        constant_input: whether the current is the same at every step and comes once; SpikingJelly
            advises to run such an encoder once.
    """

    def __init__(self, threshold: float, *, constant_input: bool) -> None:
        from spikingjelly.activation_based.neuron import IFNode

        super().__init__()
        self.threshold = threshold
        self.constant_input = constant_input
        self.timesteps = 0
        self.node = IFNode(v_threshold=threshold, v_reset=None, step_mode="m")

    def forward(self, current: Tensor) -> Tensor:
        if self.constant_input:
            current = current.expand(self.timesteps, *current.shape)
        self.node.reset()
        self.node.v = torch.full_like(current[0], self.threshold / 2)
        return self.node(current) * self.threshold


def multi_step(network: fx.GraphModule) -> Callable[[Tensor, int], Tensor]:
    """A simulation of `network` by SpikingJelly.

    Args:
        network: source network from `resnoise.prepare`, of modules that SpikingJelly has a
            multi-step version of; it is copied.

    Returns:
        From images `[N, C, H, W]` and T to logits `[T, N, classes]`.
    """
    body = copy.deepcopy(network).eval()
    modules = dict(body.named_modules())
    neurons = {}
    over_time: set[fx.Node] = set()
    for node in body.graph.nodes:
        temporal = bool(over_time.intersection(node.all_input_nodes))
        if is_activation(node, modules):
            threshold = activations(network)[node.target].threshold.item()
            neurons[node.target] = Neurons(threshold, constant_input=not temporal)
        elif node.op == "call_module" and temporal and not _any_shape(modules[node.target]):
            body.set_submodule(node.target, _with_time(modules[node.target]))
        if temporal or node.target in neurons:
            over_time.add(node)
    for name, layer in neurons.items():
        body.set_submodule(name, layer)

    @torch.no_grad()
    def simulate(images: Tensor, timesteps: int) -> Tensor:
        for layer in neurons.values():
            layer.timesteps = timesteps
        return body(images)

    return simulate


def _any_shape(module: nn.Module) -> bool:
    return isinstance(module, nn.Dropout | nn.Identity | nn.Sequential)


def _with_time(module: nn.Module) -> nn.Module:
    """SpikingJelly's multi-step version of a module, with its weights."""
    from spikingjelly.activation_based import layer

    stepped = copy.copy(module)
    stepped.__class__ = getattr(layer, type(module).__name__)
    stepped.step_mode = "m"
    return stepped
