"""Error rate of the committed checkpoints; `RESNOISE_DATA` names the folder of the data sets."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import CONVERTED, PLUS, ROOT, sweep

CHECKPOINTS = ROOT / "results" / "checkpoints"
DATASETS = sweep(["cifar100", "cifar10"])
METHODS = sweep([*CONVERTED, *PLUS])
TIMESTEPS = sweep([1, 2, 4, 8])


class CifarErrorRate:
    version = "2"
    timeout = 600
    params = (DATASETS, METHODS, TIMESTEPS)
    param_names = ("dataset", "method", "timesteps")
    unit = "fraction of test images"

    def setup_cache(self) -> dict[tuple[str, str, int], float]:
        folder = os.environ.get("RESNOISE_DATA")
        if folder is None:
            return {}
        try:
            from resnoise import methods
            from resnoise.evaluate import evaluate
            from resnoise.grid import DataOptions
            from resnoise.runs import job_of
        except ImportError:  # a commit from before these existed
            return {}
        error_rates = {}
        for dataset, method in product(DATASETS, METHODS):
            if method not in methods.names():  # a commit from before it existed
                continue
            (training,) = methods.get(method).trainings("reference", TIMESTEPS)
            path = CHECKPOINTS / dataset / training.name / "best.json"
            if not path.exists():
                continue
            job = job_of(path, DataOptions(dataset, Path(folder), download=False), method)
            for record in evaluate(job, path, "reference", training):
                error_rates[dataset, method, record.timesteps] = 1 - record.accuracy
        return error_rates

    def setup(self, error_rates, dataset, method, timesteps) -> None:
        cell = (dataset, method, timesteps)
        if cell not in error_rates:
            raise SkipNotImplemented(
                f"needs {dataset} in the folder RESNOISE_DATA and a checkpoint of {method} in "
                f"{CHECKPOINTS / dataset}"
            )
        self.error_rate = error_rates[cell]

    def track_error_rate(self, error_rates, dataset, method, timesteps) -> float:
        return self.error_rate
