"""How long it takes to import the package and the command line, in a fresh interpreter."""

from __future__ import annotations

from importlib.util import find_spec

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import SMOKE, called


class Import:
    version = "1"
    timeout = 120
    number = 1
    repeat = 1 if SMOKE else 5
    rounds = 1
    warmup_time = 0.0
    params = (["resnoise", "resnoise.cli", "resnoise.compare"],)
    param_names = ("module",)

    def setup(self, module: str) -> None:
        try:
            found = find_spec(module)
        except ImportError:  # of the package that it is in
            found = None
        if found is None:
            raise SkipNotImplemented(f"this commit has no {module}")

    @called("Import")
    def timeraw_import(self, module: str) -> str:
        return f"import {module}"
