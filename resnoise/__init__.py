"""Low-latency ANN-to-SNN conversion with residual-noise training, on Norse and snnTorch.

The whole way is `prepare`, `train`, `convert`, `evaluate`; see the README for ten lines of it.
"""

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
    "set_noise_",
    "simulate",
    "train",
]
