"""Random draws for the noise in training: one distribution per layer, or one per level."""

from __future__ import annotations

from resnoise.noise import in_step
from resnoise.noise.bits import draw_seed
from resnoise.noise.conditional import add_conditional_noise
from resnoise.noise.layerwise import add_noise, noise_like
from resnoise.noise.standardisation import standardise

__all__ = [
    "add_conditional_noise",
    "add_noise",
    "draw_seed",
    "in_step",
    "noise_like",
    "standardise",
]
