"""Error rate of the committed checkpoints; `RESNOISE_DATA` names the folder of the data sets."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import CONVERTED, OLDER, PLUS, ROOT, NotAskedFor, called, public, sweep

CHECKPOINTS = ROOT / "results" / "checkpoints"
DATASETS = sweep(["cifar100", "cifar10"])
METHODS = sweep([*CONVERTED, *PLUS])
TIMESTEPS = sweep([1, 2, 4, 8])


class CifarErrorRate:
    version = "2"
    timeout = 60
    params = (DATASETS, METHODS, TIMESTEPS)
    param_names = ("dataset", "method", "timesteps")
    unit = "fraction of test images"

    def setup_cache(self) -> dict[tuple[str, str, int], float]:
        folder = os.environ.get("RESNOISE_DATA")
        if folder is None:
            return {}
        error_rates = {}
        for dataset, method in product(DATASETS, METHODS):
            try:
                accuracies = _accuracies(dataset, method, Path(folder))
            # An older commit may know neither the method nor what its checkpoint says.
            except (*OLDER, public("ResnoiseError")):
                continue
            for timesteps in TIMESTEPS:
                error_rates[dataset, method, timesteps] = 1 - accuracies[timesteps - 1]
        return error_rates

    setup_cache.timeout = 3600

    def setup(self, error_rates, dataset, method, timesteps) -> None:
        if "RESNOISE_DATA" not in os.environ:
            raise NotAskedFor("RESNOISE_DATA names no folder with CIFAR")
        cell = (dataset, method, timesteps)
        if cell not in error_rates:
            raise SkipNotImplemented(
                f"this commit cannot read the checkpoint of {method} in {CHECKPOINTS / dataset}"
            )
        self.error_rate = error_rates[cell]

    @called("Error rate of the committed networks on CIFAR")
    def track_error_rate(self, error_rates, dataset, method, timesteps) -> float:
        return self.error_rate


def _accuracies(dataset: str, method: str, folder: Path) -> list[float]:
    """On the test images, after 1, 2, ... time steps."""
    (training,) = public("methods").get(method).trainings("reference", TIMESTEPS)
    path = CHECKPOINTS / dataset / training.name / "best.json"
    job = public("job_of")(path, public("DataOptions")(dataset, folder, download=False), method)
    return public("simulated_accuracies")(job, job.load(path), job.data.test, max(TIMESTEPS))
