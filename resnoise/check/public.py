"""Names of the side that is measured, also where an older one had them elsewhere."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Modules that define a name that is not public, or did before it was: the gate measures commits of
# that time too. The youngest first.
_HOMES = {
    "ConversionMethod": ("resnoise.methods.conversion",),
    "DataOptions": ("resnoise.grid",),
    "Pairs": ("resnoise.analysis.paired_tests", "resnoise.paired"),
    "Trainer": ("resnoise.train",),
    "activations": ("resnoise.activation",),
    "bootstrap_interval": ("resnoise.analysis.statistics", "resnoise.statistics"),
    "evaluate": ("resnoise.evaluation.evaluator", "resnoise.evaluate"),
    "holm": ("resnoise.analysis.statistics", "resnoise.statistics"),
    "job_of": ("resnoise.runs",),
    "mcnemar": ("resnoise.analysis.paired_tests", "resnoise.paired"),
    "simulated_accuracies": ("resnoise.accuracy",),
    "student_interval": ("resnoise.analysis.statistics", "resnoise.statistics"),
    "train_in": ("resnoise.runs",),
    "wilson_interval": ("resnoise.analysis.statistics", "resnoise.statistics"),
}


def public(name: str) -> Any:
    """A name of the side that is measured: `resnoise.<name>`, or where else it is defined.

    Raises:
        AttributeError, ImportError: it has no such name.
    """
    homes = ("resnoise", *_HOMES[name])
    for home in homes[:-1]:
        try:
            return getattr(import_module(home), name)
        except (AttributeError, ImportError):
            continue
    return getattr(import_module(homes[-1]), name)
