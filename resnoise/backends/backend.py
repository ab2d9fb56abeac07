"""What a backend is: a library's neurons behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from resnoise.config.checks import require_number
from resnoise.simulation.neuron import IFState


class Neuron(Protocol):
    """A layer of spiking neurons over several time steps, as an `nn.Module`.

    Its state is passed in and out; nothing of it stays in the module between calls.
    """

    def __call__(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """Simulate `T` steps.

        Args:
            current: I(t), tensor of shape `[T, ...]`, in the unit of θ. What follows time is one
                neuron an entry, in any shape; a spiking network passes its layers flat.
            state: state before the first step; None is the resting state.

        Returns:
            Spikes of 0 and 1 (and -1 of signed neurons), a tensor of the shape of `current` that
            the caller may overwrite, and the state after the last step.
        """


@dataclass(frozen=True)
class LeakyConfig:
    """A leaky integrate-and-fire neuron for direct training, the same in every library.

    .. math::
        u = β v + I(t), \\qquad s(t) = [u > θ], \\qquad v \\leftarrow u - θ s(t)

    with the surrogate gradient `1 / (α |u − θ| + 1)²` (SuperSpike, Zenke & Ganguli 2018).

    Args:
        beta: decay β a step, in [0, 1).
        threshold: firing threshold θ.
        alpha: steepness α of the surrogate gradient; Norse knows only 1.
    """

    beta: float = 0.5
    threshold: float = 1.0
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_number("beta", self.beta, below=1)
        require_number("threshold", self.threshold, above=0)
        require_number("alpha", self.alpha, above=0)


@dataclass(frozen=True)
class Backend:
    """A library that provides spiking neurons.

    Args:
        name: as it stands in tables and on the command line.
        version: of the library.
        integrate_and_fire: from a threshold θ, tensor of shape `()`, and the ratio θ₋/θ of signed
            neurons, or None for plain ones, to a `Neuron` with the semantics of
            `resnoise.simulation.neuron.if_step`, bit for bit.
        leaky: from a `LeakyConfig` to a trainable `Neuron` that starts at rest with v(0) = 0.
        trainable: neurons that the library's users train with and this suite does not, by the
            library's name for them: functions that make a module from currents `[T, N]` to spikes
            `[T, N]`. The gate and asv watch them. Their decays are halves, so that on currents of
            multiples of 1/8 a few steps of float32 round nothing.
    """

    name: str
    version: str
    integrate_and_fire: Callable[[Tensor, float | None], nn.Module]
    leaky: Callable[[LeakyConfig], nn.Module]
    trainable: Mapping[str, Callable[[], nn.Module]] = field(default_factory=dict)
