"""What the suites share: parameter lists and the predicate that skips.

asv imports a suite anew for every combination of its parameters, so nothing here imports PyTorch.
The lists are the same whatever is installed, so that results of machines and commits line up; what
a machine or a commit lacks is skipped in `setup`.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from asv_runner.benchmarks.mark import SkipNotImplemented

# Whether this run is only to see that everything works, and its figures are thrown away.
SMOKE = os.environ.get("RESNOISE_SMOKE") == "1"


# What a commit raises that is from before a module, a name or an argument that the suite uses. A
# smoke run measures the commit that the suite is of, which lacks nothing: there it is a fault.
OLDER: tuple[type[Exception], ...] = () if SMOKE else (ImportError, AttributeError, TypeError)


def sweep(values: list) -> list:
    """The values of a parameter; in a smoke run the second alone, which stands for the others."""
    return values[1:2] if SMOKE else values


CONVERTED = ["nq", "qcfs", "srp"]
PLUS = ["nq-plus", "qcfs-plus", "srp-plus", "srp-nq-plus"]
METHODS = [*CONVERTED, "direct", "direct-tet"]
BACKENDS = ["reference", "norse", "snntorch"]
ARCHITECTURES = sweep(["resnet20", "digits-cnn"])
# Where every backend must give the same; the costs are measured on all of them in a smoke run too.
BACKENDS_THAT_AGREE = sweep(BACKENDS)

# The suite is that of the working tree, whichever commit it measures; so are its fixed weights.
ROOT = Path(__file__).resolve().parent.parent
FIXED_WEIGHTS = ROOT / "results" / "check" / "digits" / "best.json"


def require(*modules: str, backend: str = "reference") -> None:
    """Skip if this commit lacks one of `modules`, or this environment a backend's library."""
    for name in (*modules, "resnoise.prepare", "resnoise.datasets", "resnoise.backends"):
        try:
            import_module(name)
        except OLDER as error:
            raise SkipNotImplemented(f"this commit cannot import {name}: {error}") from error
    if backend not in import_module("resnoise.backends").available():
        raise SkipNotImplemented(f"{backend} is not installed")
