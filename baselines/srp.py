"""SRP: silence the neurons that a first simulation leaves with no residual membrane potential.

Hao et al., AAAI 2023, arXiv 2302.02091, published for networks of QCFS.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from resnoise_baselines.qcfs import QCFS
from torch import Tensor, fx

from resnoise.config.checks import require_positive_int
from resnoise.config.requirements import Requirements
from resnoise.conversion.converter import convert
from resnoise.methods.post_training import PostTraining
from resnoise.simulation.batching import over_images, over_time
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.neuron import IFState, initial_state
from resnoise.simulation.replaying import Replayable
from resnoise.simulation.simulator import FromRest, Simulation, Spent

RESIDUAL_TOLERANCE = 1e-3
"""Residual potential in units of θ up to which the authors' code takes it for none."""


class SRP(PostTraining):
    """SRP, simulated for τ = 4 steps more than papers report as T."""

    name = "srp"
    paper = "https://arxiv.org/abs/2302.02091"
    published_on = QCFS
    requirements = Requirements(
        neuron="gated integrate-and-fire",
        calibration_steps=4,
        looks_at_test_image=True,
        state_values=2,
    )

    def simulation(self, network: fx.GraphModule, backend: str) -> Simulation:
        return AfterPresimulation(convert(network, backend), self.requirements.calibration_steps)


class AfterPresimulation(FromRest):
    """Simulation in two phases, of which only the second counts.

    Args:
        network: from `resnoise.convert`.
        presimulation_steps: τ, steps of the first phase.
    """

    def __init__(self, network: SpikingNetwork, presimulation_steps: int) -> None:
        super().__init__(network)
        self.presimulation_steps = presimulation_steps

    def spent(self, timesteps: int) -> Spent:
        return Spent(self.presimulation_steps + timesteps)

    @torch.inference_mode()
    def __call__(self, images: Tensor, timesteps: int) -> Tensor:
        """From images `[N, C, H, W]` to the logits after phase one, `[T, N, classes]`."""
        require_positive_int("timesteps", timesteps)
        longest = max(self.presimulation_steps, timesteps)
        phases = _TwoPhases(self.presimulation_steps, timesteps)
        return over_images(self.network, images, longest, phases)


@dataclass(frozen=True)
class _TwoPhases(Replayable):
    """τ steps from rest, then T of the neurons that have a residual potential."""

    presimulation_steps: int
    timesteps: int

    def __call__(self, network: SpikingNetwork, images: Tensor) -> Tensor:
        _, residual = over_time(network, images, self.presimulation_steps)
        layers = network.spiking_layers.values()
        start = tuple(
            gated_start(state, layer.threshold)
            for state, layer in zip(residual, layers, strict=True)
        )
        return over_time(network, images, self.timesteps, start)[0]


def gated_start(residual: IFState, threshold: Tensor) -> IFState:
    r"""State in which the second phase starts.

    .. math::
        v(0) = θ/2, \qquad g = [v(τ) > 10^{-3} θ]

    A residual potential that is not positive means that all input together does not pay for the
    spikes that were fired: they came of the order in which it arrived. The gate g keeps such a
    neuron silent.

    Args:
        residual: state after the first phase; `v(τ)` of shape `[N, ...]`, in the unit of θ.
        threshold: θ, tensor of shape `()`.

    Source: Hao et al., AAAI 2023, arXiv 2302.02091; the tolerance is that of the authors' code
    (hzc1208/ANN2SNN_SRP @c31b44c).
    """
    gate = (residual.v > RESIDUAL_TOLERANCE * threshold).to(residual.v.dtype)
    return initial_state(residual.v, threshold)._replace(gate=gate)
