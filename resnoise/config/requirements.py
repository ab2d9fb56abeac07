"""What a method asks of the hardware that runs it and of the moment at which it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resnoise.config.checks import require_positive_int
from resnoise.errors import ConfigError

INTEGRATE_AND_FIRE = "integrate-and-fire"
PLAIN_NEURONS = (INTEGRATE_AND_FIRE, "leaky integrate-and-fire")
"""Those that any neuromorphic chip has; all are reset by subtraction."""

Division = Literal["plain", "open"]


@dataclass(frozen=True)
class Requirements:
    """What a method asks of the hardware and of the moment; the default asks for nothing special.

    Args:
        neuron: kind of neuron, such as `"signed integrate-and-fire"`.
        calibration_steps: time steps (τ of SRP, ρ of COS) that every image is simulated for before
            the T steps of its prediction; tables count them among the total steps.
        calibration_images: training images that are looked at once, before any prediction.
        spike_levels: different values that a spike can have: 1 where neurons fire or do not, 2
            where a spike is positive or negative.
        looks_at_test_image: whether the network is adapted to the very image before it predicts it.
        state_values: 32-bit numbers that a neuron keeps between time steps; the membrane potential
            is one.

    Raises:
        ConfigError: a number is not an integer, or too small; there are calibration steps, which
            look at the image, but the method is said not to.

        >>> Requirements().division
        'plain'
        >>> Requirements(calibration_steps=4, looks_at_test_image=True).division
        'open'
    """

    neuron: str = INTEGRATE_AND_FIRE
    calibration_steps: int = 0
    calibration_images: int = 0
    spike_levels: int = 1
    looks_at_test_image: bool = False
    state_values: int = 1

    def __post_init__(self) -> None:
        for name in ("calibration_steps", "calibration_images"):
            value = getattr(self, name)
            if value != 0:
                require_positive_int(name, value)
        for name in ("spike_levels", "state_values"):
            require_positive_int(name, getattr(self, name))
        if self.calibration_steps and not self.looks_at_test_image:
            raise ConfigError(
                "expected `looks_at_test_image` to be true of a method with calibration steps, "
                f"but got {self.calibration_steps} steps without it"
            )

    @property
    def division(self) -> Division:
        """`plain`: integrate-and-fire with soft reset, with or without a leak, and no calibration,
        which is what any neuromorphic chip runs; `open`: everything else.
        """
        plain = self.neuron in PLAIN_NEURONS and self.spike_levels == 1
        calibrated = self.calibration_images or self.looks_at_test_image
        return "plain" if plain and not calibrated else "open"
