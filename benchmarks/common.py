"""What the suites share: parameter lists, public names of `resnoise`, and what is skipped.

asv imports a suite anew for every combination of its parameters, so nothing here imports PyTorch.
The lists are the same whatever is installed, so that results of machines and commits line up; what
a machine or a commit lacks is skipped in `setup`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from asv_runner.benchmarks.mark import SkipNotImplemented

Function = TypeVar("Function", bound=Callable[..., Any])

# Whether this run is only to see that everything works, and its figures are thrown away.
SMOKE = os.environ.get("RESNOISE_SMOKE") == "1"

# What is timed are networks as they are made, whose thresholds were fitted to nothing.
warnings.filterwarnings("ignore", message="thresholds of .* were neither fitted nor trained")


def sweep(values: list) -> list:
    """The values of a parameter; in a smoke run the second alone, which stands for the others."""
    return values[1:2] if SMOKE else values


AFTER_TRAINING = ["srp", "cos", "snm", "signed-if", "ftbc", "ftbc-snm"]
CONVERTED = ["nq", "qcfs", "noise-adaptor", *AFTER_TRAINING]
PLUS = ["nq-plus", "qcfs-plus", "srp-plus", "srp-nq-plus"]
METHODS = [*CONVERTED, "direct"]
BACKENDS = ["reference", "norse", "snntorch"]
ARCHITECTURES = sweep(["resnet20", "digits-cnn"])
# Where every backend must give the same; the costs are measured on all of them in a smoke run too.
BACKENDS_THAT_AGREE = sweep(BACKENDS)

# The suite is that of the working tree, whichever commit it measures; so are its fixed weights.
ROOT = Path(__file__).resolve().parent.parent
FIXED_WEIGHTS = ROOT / "results" / "check" / "digits" / "best.json"

# What a suite asks of a commit that has the names but not their arguments or attributes of today. A
# smoke run measures the commit that the suite is of, which lacks nothing: there it is a fault.
OLDER: tuple[type[Exception], ...] = (
    () if SMOKE else (SkipNotImplemented, AttributeError, TypeError)
)

# Where older commits had what is public today. A name that moves inside the package needs no line.
OLD_HOMES = {
    "DataOptions": "grid.DataOptions",
    "Plan": "grid.Grid",
    "RecordStore": "store.RecordStore",
    "RunOptions": "compare.Workplace",
    "Trainer": "train.Trainer",
    "job_of": "runs.job_of",
    "metrics.conversion_gap": "metrics.reach.conversion_gap",
    "metrics.timesteps_to_reach": "metrics.reach.timesteps_to_reach",
    "simulated_accuracies": "accuracy.simulated_accuracies",
}


def called(name: str) -> Callable[[Function], Function]:
    """Give a benchmark the name that asv's pages show."""

    def name_it(function: Function) -> Function:
        function.pretty_name = name
        return function

    return name_it


class NotAskedFor(SkipNotImplemented):
    """A skip for want of something that only the user can give, such as a data set."""


def public(name: str) -> Any:
    """A public name of `resnoise`, such as `Plan` or `metrics.alternate`, or what it was before.

    Raises:
        SkipNotImplemented: the measured commit has it nowhere; in a smoke run the ImportError.
    """
    try:
        return _look_up(name)
    except ImportError as error:
        try:
            return _look_up(OLD_HOMES.get(name, name))
        except ImportError:
            if SMOKE:
                raise error from None
            raise SkipNotImplemented(f"this commit has no resnoise.{name}: {error}") from error


def _look_up(name: str) -> Any:
    home, _, last = f"resnoise.{name}".rpartition(".")
    try:
        return getattr(import_module(home), last)
    except AttributeError:  # a module that nothing has imported yet
        return import_module(f"{home}.{last}")


def require_backend(name: str) -> None:
    """Skip if this commit has no such backend, or this environment not its library."""
    if name not in public("backends").available():
        raise SkipNotImplemented(f"{name} is not installed")
