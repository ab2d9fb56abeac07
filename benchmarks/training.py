"""What training costs: an epoch, the price of NQ's noise, induction, conversion."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .common import ARCHITECTURES, BACKENDS, SMOKE, called, public, require_backend
from .inputs import random_data, random_images, source_network

if TYPE_CHECKING:
    from resnoise import Trainer

# CIFAR-10 holds out a tenth for induction; the same proportion, at a hundredth of its size.
TRAIN_IMAGES = 448
VALIDATION_IMAGES = 50


def make_trainer(
    method: str,
    architecture: str,
    folder: str,
    *,
    training: str | None = None,
    bf16: bool = False,
    augmentation: tuple[str, ...] = (),
) -> Trainer:
    """A trainer on random images; `training` is the method's name unless it has several."""
    data = random_data(architecture, TRAIN_IMAGES, VALIDATION_IMAGES, augmentation)
    of, recipe = public("methods").get(method), public("Recipe")(epochs=99)
    job = public("Job")(of, training or method, architecture, data, recipe)
    return public("Trainer")(job, Path(folder) / method, public("ExecutionConfig")(bf16=bf16))


class _Suite:
    version = "1"
    timeout = 300
    number = 1
    repeat = 1 if SMOKE else 5
    rounds = 1
    warmup_time = 0.0


class Epoch(_Suite):
    """Seconds an epoch of training and validation."""

    params = (["nq", "qcfs"], ARCHITECTURES)
    param_names = ("method", "architecture")

    def setup(self, method, architecture) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.trainer = make_trainer(method, architecture, self.folder.name)
        self.trainer.run_epoch()  # the first has no noise yet, and warms up

    def teardown(self, method, architecture) -> None:
        self.folder.cleanup()

    @called("Epoch")
    def time_epoch(self, method, architecture) -> None:
        self.trainer.run_epoch()


class EpochOfNQ:
    """Epochs of the two methods alternate in one process, so what disturbs one disturbs both."""

    version = "2"
    timeout = 300
    params = (["resnet20"], [False, True])
    param_names = ("architecture", "bf16")
    unit = "times an epoch of QCFS"

    def setup(self, architecture, bf16) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.epochs = {
            name: make_trainer(name, architecture, self.folder.name, bf16=bf16).run_epoch
            for name in ("nq", "qcfs")
        }

    def teardown(self, architecture, bf16) -> None:
        self.folder.cleanup()

    @called("Epoch of NQ over QCFS")
    def track_epoch_ratio(self, architecture, bf16) -> float:
        """Median seconds of an epoch of NQ over those of QCFS."""
        repeats = 1 if SMOKE else 5
        # The first epoch has no noise yet and warms up.
        times = public("metrics.alternate")(self.epochs, repeats=repeats, warmup=1, device="cpu")
        return times["nq"].median_s / times["qcfs"].median_s


class EpochOfAutoAugment:
    """What augmentation by AutoAugment and Cutout adds to an epoch of crops and flips."""

    version = "1"
    timeout = 300
    unit = "times an epoch of crops and flips"

    def setup(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.epochs = {
            name: make_trainer(
                "qcfs", "resnet20", str(Path(self.folder.name) / name), augmentation=names
            ).run_epoch
            for name, names in {
                "plain": ("crop", "flip"),
                "full": ("crop", "flip", "autoaugment", "cutout"),
            }.items()
        }

    def teardown(self) -> None:
        self.folder.cleanup()

    @called("Epoch with AutoAugment and Cutout over one without")
    def track_epoch_ratio(self) -> float:
        """Median seconds of an epoch with all augmentation over those of one without."""
        repeats = 1 if SMOKE else 5
        times = public("metrics.alternate")(self.epochs, repeats=repeats, warmup=1, device="cpu")
        return times["full"].median_s / times["plain"].median_s


class Induction(_Suite):
    """Seconds to measure the residual error of every layer on one batch."""

    params = (ARCHITECTURES,)
    param_names = ("architecture",)

    def setup(self, architecture) -> None:
        induce = public("induce")
        network = source_network(architecture)
        batch = (random_images(architecture, 64), torch.zeros(64, dtype=torch.int64))
        self.induce = lambda: induce(network, [batch], timesteps=4)
        self.induce()

    @called("Noise induction")
    def time_induction(self, architecture) -> None:
        self.induce()


class Conversion(_Suite):
    params = (ARCHITECTURES, BACKENDS)
    param_names = ("architecture", "backend")

    def setup(self, architecture, backend) -> None:
        require_backend(backend)
        convert = public("convert")
        network = source_network(architecture)
        self.convert = lambda: convert(network, backend)
        self.convert()

    @called("Conversion")
    def time_conversion(self, architecture, backend) -> None:
        self.convert()
