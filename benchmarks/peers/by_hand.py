"""The loop over time that a user of Norse or snnTorch would write by hand.

The network is run step by step with the library's neurons in place of the activations; each
keeps its state between two steps, and BatchNorm stays as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.activation import activations
from resnoise.simulation.neuron import IFState, initial_state


class StepNeurons(nn.Module):
    """A layer of neurons that remembers its state from one call to the next.

    Args:
        threshold: θ, tensor of shape `()`.
    """

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)
        self.state = None

    def step(self, current: Tensor) -> Tensor:
        """Spikes of one step, `[N, ...]`, from the current of the same shape."""
        raise NotImplementedError

    def forward(self, current: Tensor) -> Tensor:
        return self.threshold * self.step(current)


class NorseSteps(StepNeurons):
    """Norse's `SNNCell` around the step of the norse backend: Norse's own IAF has no soft reset."""

    def __init__(self, threshold: Tensor) -> None:
        from norse.torch.module.snn import SNNCell

        from resnoise.backends.norse import Thresholds, soft_reset_iaf_step

        super().__init__(threshold)
        self.cell = SNNCell(
            soft_reset_iaf_step,
            state_fallback=lambda current: initial_state(current, threshold),
            p=Thresholds(threshold, None),
        )

    def step(self, current: Tensor) -> Tensor:
        spikes, self.state = self.cell(current, self.state)
        return spikes


class SnnTorchSteps(StepNeurons):
    """`snntorch.Leaky` with β = 1 and its default reset, which subtracts one step later."""

    def __init__(self, threshold: Tensor) -> None:
        import snntorch

        super().__init__(threshold)
        self.neurons = snntorch.Leaky(beta=1.0, threshold=threshold)

    def step(self, current: Tensor) -> Tensor:
        v = initial_state(current, self.threshold).v if self.state is None else self.state.v
        spikes, v = self.neurons(current, v)
        self.state = IFState(v)
        return spikes.to(current.dtype)


def step_by_step(
    network: fx.GraphModule, neurons: type[StepNeurons]
) -> Callable[[Tensor, int], Tensor]:
    """A simulation of `network` by hand.

    Args:
        network: source network from `resnoise.prepare`; it is copied.
        neurons: what takes the place of its activations.

    Returns:
        From images `[N, C, H, W]` and T to logits `[T, N, classes]`.
    """
    body = copy.deepcopy(network).eval()
    layers = []
    for name, activation in activations(network).items():
        layers.append(neurons(activation.threshold.detach().clone()))
        body.set_submodule(name, layers[-1])

    @torch.no_grad()
    def simulate(images: Tensor, timesteps: int) -> Tensor:
        for layer in layers:
            layer.state = None
        return torch.stack([body(images) for _ in range(timesteps)])

    return simulate
