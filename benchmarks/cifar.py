"""Error rate of the committed CIFAR-10 checkpoints; `RESNOISE_DATA` names the data's folder."""

from __future__ import annotations

import os
from pathlib import Path

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import CONVERTED, ROOT, sweep

try:
    from resnoise.evaluate import evaluate
    from resnoise.grid import DataOptions
    from resnoise.records import Record
    from resnoise.runs import job_of, training_of
except ImportError:  # a commit from before these existed
    evaluate = None

CHECKPOINTS = ROOT / "results" / "checkpoints"
TIMESTEPS = sweep([1, 2, 4, 8])


class CifarErrorRate:
    version = "1"
    timeout = 600
    params = (CONVERTED, TIMESTEPS)
    param_names = ("method", "timesteps")
    unit = "fraction of test images"

    def setup_cache(self) -> list[Record]:
        folder = os.environ.get("RESNOISE_DATA")
        if folder is None or evaluate is None:
            return []
        records = []
        for path in sorted(CHECKPOINTS.glob("**/best.json")):
            job = job_of(path, DataOptions("cifar10", Path(folder), download=False))
            training = training_of(job, "reference", TIMESTEPS)
            records += evaluate(job, path, "reference", training)
        return records

    def setup(self, records, method, timesteps) -> None:
        found = [r for r in records if (r.method, r.timesteps) == (method, timesteps)]
        if not found:
            raise SkipNotImplemented(
                f"needs CIFAR-10 in the folder RESNOISE_DATA and a checkpoint of {method} in "
                "results/checkpoints"
            )
        self.record = found[0]

    def track_error_rate(self, records, method, timesteps) -> float:
        return 1 - self.record.accuracy
