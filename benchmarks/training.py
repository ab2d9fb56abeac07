"""What training costs: an epoch of NQ against an epoch of QCFS, induction included in both."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import random_images

try:
    from resnoise import ExecutionConfig, Job, Recipe, methods
    from resnoise.metrics import alternate
    from resnoise.train import Trainer
except ImportError:  # a commit from before these existed
    Trainer = None

# The proportions of CIFAR-10, at a fortieth of its size.
TRAIN_IMAGES = 1152
VALIDATION_IMAGES = 128


class EpochOfNQ:
    """Epochs of the two methods alternate in one process, so what disturbs one disturbs both."""

    version = "1"
    timeout = 600
    params = (["resnet20"], [False, True])
    param_names = ("architecture", "bf16")
    unit = "times an epoch of QCFS"

    def setup(self, architecture: str, bf16: bool) -> None:
        if Trainer is None:
            raise SkipNotImplemented("this commit has no resnoise.train.Trainer")
        self.folder = tempfile.TemporaryDirectory()
        data = random_images(TRAIN_IMAGES, VALIDATION_IMAGES)
        self.trainers = {
            name: Trainer(
                Job(methods.get(name), name, architecture, data, Recipe(epochs=99)),
                Path(self.folder.name) / name,
                ExecutionConfig(bf16=bf16),
            )
            for name in ("nq", "qcfs")
        }

    def teardown(self, architecture: str, bf16: bool) -> None:
        self.folder.cleanup()

    def track_epoch_ratio(self, architecture: str, bf16: bool) -> float:
        """Median seconds of an epoch of NQ over those of QCFS."""
        epochs = {name: trainer.run_epoch for name, trainer in self.trainers.items()}
        # The first epoch has no noise yet and warms up.
        times = alternate(epochs, repeats=5, warmup=1, device=torch.device("cpu"))
        return times["nq"].median_s / times["qcfs"].median_s
