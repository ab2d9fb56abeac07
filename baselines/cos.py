r"""COS: shift the initial potential of every neuron by what a first simulation was off by a spike.

Hao et al., ICLR 2023, arXiv 2302.10685, published for networks of QCFS.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from resnoise_baselines.qcfs import QCFS
from torch import Tensor, fx, nn

from resnoise.config.checks import require_positive_int
from resnoise.config.requirements import Requirements
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError
from resnoise.methods.post_training import PostTraining
from resnoise.simulation.batching import over_images, over_time
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.neuron import IFState, initial_state
from resnoise.simulation.replaying import Replayable
from resnoise.simulation.simulator import FromRest, Simulation, Spent

MARGIN = 1e-3
"""In units of θ: how far beyond the threshold the authors' code moves a potential."""
NEVER = 1e3
"""In units of θ: the potential that it notes where no step is of the kind it looks for."""


class COS(PostTraining):
    """COS with ρ = 4 calibration steps, published for CIFAR, which papers leave out of T.

    A neuron keeps its potential, the two extremes that the calibration looks for, and its ρ spikes,
    to send them again.
    """

    name = "cos"
    paper = "https://arxiv.org/abs/2302.10685"
    published_on = QCFS
    requirements = Requirements(calibration_steps=4, looks_at_test_image=True, state_values=4)

    def simulation(self, network: fx.GraphModule, backend: str) -> Simulation:
        return FromCalibratedStart(convert(network, backend), self.requirements.calibration_steps)


class FromCalibratedStart(FromRest):
    """Simulation in which each layer finds its v(0) from the first ρ steps that it receives.

    The layers before it have found theirs already, so an earlier layer delivers ρ steps even where
    T is fewer.

    Args:
        network: from `resnoise.convert`.
        calibration_steps: ρ.
    """

    def __init__(self, network: SpikingNetwork, calibration_steps: int) -> None:
        super().__init__(network)
        self.calibration_steps = calibration_steps

    def spent(self, timesteps: int) -> Spent:
        return Spent(timesteps, calibration=self.calibration_steps)

    @torch.inference_mode()
    def __call__(self, images: Tensor, timesteps: int) -> Tensor:
        """From images `[N, C, H, W]` to the logits of T steps, `[T, N, classes]`."""
        require_positive_int("timesteps", timesteps)
        longest = max(self.calibration_steps, timesteps)
        steps = _CalibratedSteps(self.calibration_steps, timesteps)
        return over_images(self.network, images, longest, steps)


@dataclass(frozen=True)
class _CalibratedSteps(Replayable):
    """T steps, of which each layer looks at ρ before it sends its first."""

    calibration_steps: int
    timesteps: int

    def __call__(self, network: SpikingNetwork, images: Tensor) -> Tensor:
        rho = self.calibration_steps

        def start(neurons: nn.Module, current: Tensor, threshold: Tensor) -> IFState:
            return calibrated_start(neurons, current, threshold, rho)

        logits, state = network(images, rho, (start,) * len(network.layers))
        if self.timesteps <= rho:
            return logits[: self.timesteps]
        return torch.cat([logits, over_time(network, images, self.timesteps - rho, state)[0]])


def calibrated_start(
    neurons: nn.Module, current: Tensor, threshold: Tensor, calibration_steps: int
) -> IFState:
    r"""State that neurons start from, given what a simulation of ρ steps from rest does.

    A negative potential after them means a spike too many, one at the threshold or above a spike
    too few. With `low` the least potential before the reset, over the steps with a spike, and
    `high` the greatest over the steps without one,

    .. math::
        v(0) = \begin{cases}
            θ/2 - \max(θ, low - 0.999 θ) & v(ρ) < 0 \text{ and the neuron fired} \\
            θ/2 + \max(θ, 1.001 θ - high) & v(ρ) \ge θ \\
            θ/2 & \text{else}
        \end{cases}

    is the shift that takes one spike away, or adds one. For a neuron that fired at every step the
    authors' code has `high` = -1000 θ: it then fires at every step for any input.

    Args:
        neurons: a `resnoise.backends.Neuron`; their spikes are those of the simulation.
        current: I(t) of all steps, tensor of shape `[T, n]` with T of ρ or more, in the unit of θ.
        threshold: θ, tensor of shape `()`.
        calibration_steps: ρ.

    Raises:
        ConfigError: there are fewer than ρ steps.

    Source: Hao et al., ICLR 2023, arXiv 2302.10685, algorithm 1; the margins are those of the
    authors' code (hzc1208/ANN2SNN_COS @ecb3587), which runs it once.
    """
    if len(current) < calibration_steps:
        raise ConfigError(
            f"expected a simulation of {calibration_steps} time steps or more, which the "
            f"calibration needs, but got {len(current)}"
        )
    rest = initial_state(current[0], threshold)
    low, high = (sign * NEVER * threshold.expand_as(rest.v) for sign in (1, -1))
    state = rest
    for now in current[:calibration_steps]:
        (spikes,), state = neurons(now.unsqueeze(0), state)
        fired = spikes > 0
        low = torch.where(fired, torch.minimum(low, state.v + threshold), low)
        high = torch.where(fired, high, torch.maximum(high, state.v))
    down = torch.maximum(threshold, low - (1 - MARGIN) * threshold)
    up = torch.maximum(threshold, (1 + MARGIN) * threshold - high)
    fired_once = low < NEVER * threshold
    v = torch.where((state.v < 0) & fired_once, rest.v - down, rest.v)
    return IFState(torch.where(state.v >= threshold, rest.v + up, v))
