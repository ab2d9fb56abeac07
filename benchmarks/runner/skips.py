"""Which files of the suite measured nothing at all.

asv shows a benchmark that was skipped as n/a and calls the run a success, so that a suite whose
imports no longer resolve would end its curves without a word.
"""

from __future__ import annotations

import math
import re

from asv.benchmarks import Benchmarks
from asv.results import Results

# How asv prints a skip among what a benchmark says.
SKIP = re.compile(r"asv: skipped: (?P<kind>\w+)\((?P<reason>.*)\) *$", re.MULTILINE)


def skipped_files(results: Results, benchmarks: Benchmarks) -> dict[str, str]:
    """The first reason of each file of which every benchmark that was to be run was skipped.

    A benchmark that failed is not skipped: asv tells of those itself. A file whose first skip is
    for want of what nobody asked for, such as a data set, is left out.
    """
    found, alive = {}, set()
    for name, benchmark in benchmarks.items():
        file = f"benchmarks/{name.split('.')[0]}.py"
        values = results.get_result_value(name, benchmark["params"])
        chosen = benchmarks.benchmark_selection.get(name) or range(len(values))
        if not all(_is_skipped(values[index]) for index in chosen):
            alive.add(file)
        elif skip := SKIP.search(results.stderr.get(name) or ""):
            found.setdefault(file, skip)
    return {
        file: skip["reason"]
        for file, skip in found.items()
        if file not in alive and skip["kind"] != "NotAskedFor"
    }


def _is_skipped(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
