"""`asv run` with this project's machine names, and an error where a suite measured nothing.

python -m benchmarks.runner [--machine NAME] [any argument of asv run]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from asv import main as asv
from asv.benchmarks import Benchmarks
from asv.commands import run
from asv.config import Config
from asv.console import log
from asv.environment import Environment
from asv.machine import Machine
from asv.results import Results

from benchmarks.common import SMOKE
from benchmarks.runner.machine import OtherMachineError, load_average, note_processor, register
from benchmarks.runner.skips import skipped_files


class NotingResults(Results):
    """Results of a commit that, once saved, have a line in the table of processors."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.load_before = load_average()

    def save(self, result_dir: str) -> None:
        super().save(result_dir)
        folder = Path(result_dir, self.params["machine"])
        note_processor(folder, self.commit_hash, self.load_before)


def main(arguments: list[str]) -> int:
    """Run asv; the exit status is asv's, or 1 if a smoke run has a file that measures nothing."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--machine", default=Machine.get_unique_machine_name())
    parser.add_argument("--config", default="asv.conf.json")
    ours, others = parser.parse_known_args(arguments)
    try:
        # asv takes a configuration's paths to be beside it.
        results = Path(ours.config).parent / Config.load(ours.config).results_dir
        register(ours.machine, results)
    except OtherMachineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    silent = []
    measure = run.run_benchmarks

    def measure_and_tell(benchmarks: Benchmarks, env: Environment, results: Results, **options):
        measure(benchmarks, env, results=results, **options)
        for file, reason in skipped_files(results, benchmarks).items():
            silent.append(file)
            log.flush()  # ends a line that asv has begun
            commit = (results.commit_hash or "")[:8] or "this checkout"
            print(f"error: {file} measured nothing at {commit}: {reason}", file=sys.stderr)

    run.Results, run.run_benchmarks = NotingResults, measure_and_tell
    chosen = ["--machine", ours.machine, "--config", ours.config]
    sys.argv = ["asv", "run", *chosen, *others]
    try:
        asv.main()
    except SystemExit as status:
        return status.code or int(bool(SMOKE and silent))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
