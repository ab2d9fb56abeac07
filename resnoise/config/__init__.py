"""Settings of a run: frozen dataclasses that check themselves when they are made.

Code that is given one need not check it again.
"""

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import (
    AUGMENTATIONS,
    ActivationConfig,
    Extensions,
    InductionConfig,
    Recipe,
)

__all__ = [
    "AUGMENTATIONS",
    "ActivationConfig",
    "ExecutionConfig",
    "Extensions",
    "InductionConfig",
    "Recipe",
]
