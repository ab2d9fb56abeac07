"""Low-latency ANN-to-SNN conversion with residual-noise training, on Norse and snnTorch.

The whole way is `prepare`, `train`, `convert`, `evaluate`; see the README for ten lines of it.
Importing the package imports nothing else: a name here brings its module, and with it PyTorch, when
it is first used, so that `resnoise --help` need not wait for them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnoise.activation import QuantisedReLU, fit_thresholds_, noise_mode, quantise
    from resnoise.config import (
        ActivationConfig,
        ExecutionConfig,
        Extensions,
        InductionConfig,
        Recipe,
    )
    from resnoise.convert import convert
    from resnoise.errors import ResnoiseError
    from resnoise.evaluate import evaluate
    from resnoise.induction import induce, set_noise_
    from resnoise.job import Job
    from resnoise.prepare import prepare
    from resnoise.restore import restore
    from resnoise.simulate import predictions, simulate
    from resnoise.train import train

__all__ = [
    "ActivationConfig",
    "ExecutionConfig",
    "Extensions",
    "InductionConfig",
    "Job",
    "QuantisedReLU",
    "Recipe",
    "ResnoiseError",
    "convert",
    "evaluate",
    "fit_thresholds_",
    "induce",
    "noise_mode",
    "predictions",
    "prepare",
    "quantise",
    "restore",
    "set_noise_",
    "simulate",
    "train",
]

# name -> module that defines it, where that is not the module of the same name
_HOMES = {
    "ActivationConfig": "config",
    "ExecutionConfig": "config",
    "Extensions": "config",
    "InductionConfig": "config",
    "Job": "job",
    "QuantisedReLU": "activation",
    "Recipe": "config",
    "ResnoiseError": "errors",
    "fit_thresholds_": "activation",
    "induce": "induction",
    "noise_mode": "activation",
    "predictions": "simulate",
    "quantise": "activation",
    "set_noise_": "induction",
}


class _Package(ModuleType):
    """A package whose public names are imported when they are first asked for."""

    def __getattr__(self, name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES.get(name, name)}"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # Importing `resnoise.train` would put the module in the place of the function `train`.
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
