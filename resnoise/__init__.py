"""Low-latency ANN-to-SNN conversion with residual-noise training, on Norse and snnTorch.

The whole way is `prepare`, `train`, `convert`, `evaluate`; see the README for ten lines of it.
Importing the package imports nothing else: a name here brings its module, and with it PyTorch, when
it is first used, so that `resnoise --help` need not wait for them.
"""

from __future__ import annotations

from importlib import import_module

# Each public name and the module that defines it; a room without a name stands for itself.
_HOMES = {
    "ActivationConfig": "config",
    "ConversionMethod": "methods.conversion_method",
    "DataOptions": "datasets",
    "ExecutionConfig": "config",
    "Extensions": "config",
    "InductionConfig": "config",
    "Job": "training.job",
    "Plan": "compare.plan",
    "QuantisedReLU": "conversion.activation",
    "Recipe": "config",
    "RecordStore": "records.store",
    "ResnoiseError": "errors",
    "RunOptions": "compare.plan",
    "Trainer": "training.trainer",
    "activations": "conversion.activation",
    "calibrate_thresholds_": "conversion.calibration",
    "convert": "conversion.converter",
    "evaluate": "evaluation.evaluator",
    "fit_thresholds_": "conversion.thresholds",
    "induce": "methods.induction",
    "job_of": "training.loading",
    "load": "networks",
    "noise_mode": "conversion.activation",
    "predictions": "simulation.simulator",
    "prepare": "conversion.preparation",
    "quantise": "conversion.activation",
    "restore": "training.loading",
    "set_noise_": "methods.induction",
    "simulate": "simulation.simulator",
    "simulated_accuracies": "evaluation.accuracy",
    "train": "training.trainer",
    "train_in": "training.run_folders",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
