"""One training loop for every method: SGD, warm-up and cosine, checkpoints, resume."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import Recipe
from resnoise.conversion.activation import activations
from resnoise.datasets import Batches, batches
from resnoise.errors import CheckpointError, ConfigError, TrainingError
from resnoise.records.training_record import Session
from resnoise.simulation.network import SpikingLayer
from resnoise.training import checkpoint
from resnoise.training.checkpoint import EPOCH, MOMENTUM, CheckpointInfo
from resnoise.training.job import Job
from resnoise.training.schedule import learning_rate, noise_ramp
from resnoise.training.session import continued, segment_from
from resnoise.training.weights import load_momenta_, load_state_
from resnoise.utils.device import memory_format, require_resolved, resolve_device, warn_of_emulation
from resnoise.utils.files import ensure_directory
from resnoise.utils.progress import Progress, silent
from resnoise.utils.seeding import generator_for

CALIBRATION_IMAGES = 512
CHECK_LOSS_EVERY = 20


def train(
    job: Job,
    directory: str | Path,
    execution: ExecutionConfig | None = None,
    progress: Progress | None = None,
    *,
    start: Path | None = None,
) -> Path:
    """Train a network, or resume a training that was interrupted.

    After every epoch `last.json` is written, and `best.json` if the validation accuracy of the
    spiking network is the highest so far; the test split is never looked at. A training that is
    killed and started again ends like one that was not, within floating point.

    Args:
        job: what to train.
        directory: where its checkpoints go.
        execution: how to run it.
        progress: called with every step.
        start: checkpoint of `job.predecessor()`, for recipes that start from another training;
            `resnoise.runs.train_in` makes it first.

    Returns:
        Path of `best.json`.

    Raises:
        TrainingError: the loss is not finite; the last good checkpoint stays.
        ConfigError: the recipe starts from another training, and its checkpoint is not given, or
            there is no such device.
        PreparationError, ConversionError: the model cannot be converted.
        DataError: it does not take these images, has other classes, or an image cannot be read.
        CheckpointError: `directory` holds another training or lacks the best epoch of this one, or
            `start` is of another one.
        StorageError: `directory` cannot be written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from resnoise import Job, Recipe, datasets, methods
        >>> data = datasets.load("digits", seed=0)
        >>> job = Job(methods.get("nq"), "nq", "digits-cnn", data, Recipe(epochs=1))
        >>> with TemporaryDirectory() as directory:
        ...     train(job, directory).name
        'best.json'
    """
    trainer = Trainer(job, Path(directory), execution, progress, start)
    while trainer.epochs_done < job.recipe.epochs:
        trainer.run_epoch()
        trainer.save()
    return trainer.best


class Trainer:
    """A training between two epochs; `train` runs it to its end.

    Args:
        job: what to train.
        directory: where its checkpoints go; a training in it is resumed.
        execution: how to run it.
        progress: called with every step.
        start: checkpoint of `job.predecessor()`, if it has one and there is no training to resume.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from resnoise import Job, Recipe, datasets, methods
        >>> data = datasets.load("digits", seed=0)
        >>> job = Job(methods.get("nq"), "nq", "digits-cnn", data, Recipe(epochs=2))
        >>> with TemporaryDirectory() as directory:
        ...     trainer = Trainer(job, Path(directory))
        ...     trainer.run_epoch()
        ...     trainer.save()  # a second Trainer of this directory resumes after epoch 1
        ...     trainer.epochs_done
        1
    """

    def __init__(
        self,
        job: Job,
        directory: Path,
        execution: ExecutionConfig | None = None,
        progress: Progress | None = None,
        start: Path | None = None,
    ) -> None:
        self.job = job
        self.best = directory / "best.json"
        self.last = directory / "last.json"
        self.execution = execution or ExecutionConfig()
        self.progress = progress or silent
        self.device = resolve_device(self.execution.device)
        self.layout = memory_format(self.execution)
        if self.execution.bf16:
            require_resolved(job.method.levels(job.recipe))
        self.history: list[dict[str, Any]] = []
        self.segments: list[Session] = []
        self.best_epoch = 0
        self.start_sha256 = ""
        # Before the first epoch, not after it, is the time to find that nothing can be saved.
        ensure_directory(directory)

        recipe = job.recipe
        self.network = job.network()
        resumed = self.last.exists()
        if not resumed:
            self._start_(start)
        self.network.to(self.device, memory_format=self.layout)
        for module in self.network.modules():
            if isinstance(module, SpikingLayer):
                module.checkpointed = self.execution.checkpoint_time
        self.optimiser = torch.optim.SGD(
            parameter_groups(self.network, recipe),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
        )
        if resumed:
            self._resume_()
        if self.execution.bf16 and self.epochs_done < recipe.epochs:
            warn_of_emulation(self.device)
        here = segment_from(self.epochs_done + 1, self.execution, self.device)
        self.segments = continued(self.segments, here)
        self.order = torch.Generator()
        self.training = batches(
            job.data.train,
            recipe.batch_size,
            generator=self.order,
            workers=self.execution.workers,
        )
        self.validation = batches(job.data.validation, recipe.batch_size)
        loss = job.method.loss
        self.step = torch.compile(loss) if self.execution.compile else loss
        if self.start_sha256 and not resumed:
            # What the weights of another training are worth is known before the first epoch.
            job.method.validate_(self.network, self._on_device(self.validation), recipe)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    def run_epoch(self) -> None:
        """Train for one epoch, then validate."""
        started = time.perf_counter()
        epoch = self.epochs_done + 1
        # What the caller draws from the global generators must not repeat after every epoch.
        accelerators = [] if self.device.type == "cpu" else [self.device]
        with torch.random.fork_rng(accelerators, device_type=self.device.type):
            self._begin_(epoch)
            loss, accuracy = self._train_(epoch)
        validation = self._on_device(self.validation)
        validated = self.job.method.validate_(self.network, validation, self.job.recipe)
        self.history.append(
            {
                "epoch": epoch,
                "train_loss": loss,
                "train_accuracy": accuracy,
                "validation_accuracy": validated.accuracy,
                "seconds": time.perf_counter() - started,
                "layers": {
                    name: {"mean": error.mean, "std": error.std, "sigma": error.sigma}
                    for name, error in validated.layers.items()
                },
            }
        )

    def save(self) -> None:
        """Write `last.json`, and `best.json` if this epoch is the best so far."""
        weights = self.network.state_dict()
        accuracies = [row["validation_accuracy"] for row in self.history]
        # Of equal epochs the later one, which has trained for longer.
        if accuracies[-1] == max(accuracies):
            self.best_epoch = self.epochs_done
        if self.execution.keep_epochs:
            kept = EPOCH.format(f"{self.epochs_done:04}")
            checkpoint.write(self.last.with_name(f"{kept}.json"), self._info(), weights)
        momenta = {
            f"{MOMENTUM}{name}": self.optimiser.state[parameter]["momentum_buffer"]
            for name, parameter in self.network.named_parameters()
            if "momentum_buffer" in self.optimiser.state[parameter]
        }
        checkpoint.write(self.last, self._info(), {**weights, **momenta})
        self._keep_best_()

    def _keep_best_(self) -> None:
        """Bring `best.json` up to `last.json`, which is written first and has all that it needs.

        In the other order a kill between them would leave an epoch as the best that is then trained
        once more, on another machine with another accuracy.
        """
        if self.best_epoch == self.epochs_done:
            checkpoint.write(self.best, self._info(), self.network.state_dict())
        else:
            checkpoint.amend(self.best, self._info())

    def _start_(self, start: Path | None) -> None:
        """Set what the first epoch starts from."""
        predecessor = self.job.predecessor()
        if predecessor is None:
            generator = generator_for(self.job.seed, "calibration")
            calibration = self.job.data.calibration(CALIBRATION_IMAGES, generator)
            self.job.method.start_(self.network, self.job.recipe, calibration)
            return
        if start is None:
            raise ConfigError(
                "expected argument `start` to be the checkpoint of `job.predecessor()`, a training "
                f"of {predecessor.training}, but got none; resnoise.runs.train_in trains both"
            )
        info, trained = predecessor.restore(start)
        tensors = self.network.state_dict() | trained.state_dict()
        load_state_(self.network, tensors, start)
        for layer in activations(self.network).values():
            layer.set_sigma_(0.0)  # the noise of that training, not of this one
        self.start_sha256 = info.sha256

    def _begin_(self, epoch: int) -> None:
        """Make everything random in this epoch, and the ramp, depend on seed and epoch alone."""
        seed = self.job.seed
        self.order.manual_seed(generator_for(seed, "order", epoch).initial_seed())
        noise = generator_for(seed, "noise", epoch)
        for layer in activations(self.network).values():
            layer.seed_noise_(noise)
            layer.ramp.fill_(noise_ramp(self.job.recipe, epoch))
        # Dropout takes no generator of its own. torch.manual_seed would seed all accelerators, of
        # which only that of the training is restored after the epoch.
        dropout = generator_for(seed, "dropout", epoch).initial_seed()
        torch.random.default_generator.manual_seed(dropout)
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):
                torch.cuda.manual_seed(dropout)

    def _train_(self, epoch: int) -> tuple[float, float]:
        """One pass over the training split; returns mean loss and accuracy."""
        self.network.train()
        losses = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        seen = 0
        steps = len(self.training)
        for index, (images, labels) in enumerate(self._on_device(self.training)):
            rate = learning_rate(self.job.recipe, epoch - 1 + index / steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            # A second size would have the compiler go over to kernels for any size, slower for all.
            whole = len(labels) == self.job.recipe.batch_size
            step = self.step if whole else self.job.method.loss
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.execution.bf16):
                loss, logits = step(self.network, images, labels)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            with torch.no_grad():
                losses += loss * len(labels)
                correct += (logits.argmax(-1) == labels).sum()
            seen += len(labels)
            if index % CHECK_LOSS_EVERY == 0 or index == steps - 1:
                self._require_finite(epoch, losses)
                text = f"loss {losses.item() / seen:.3f}"
                if self.history:
                    text += f", validation {self.history[-1]['validation_accuracy']:.2%}"
                done = (epoch - 1) * steps + index + 1
                self.progress(done, self.job.recipe.epochs * steps, text)
        self._require_finite(epoch, *self.network.state_dict().values())
        return losses.item() / seen, correct.item() / seen

    def _require_finite(self, epoch: int, *tensors: Tensor) -> None:
        if not all(tensor.isfinite().all() for tensor in tensors):
            kept = self.last if self.last.exists() else "none yet"
            raise TrainingError(
                f"loss or weights are not finite in epoch {epoch}; training stopped, last good "
                f"checkpoint: {kept}. Try a smaller learning rate than "
                f"{self.job.recipe.learning_rate:g}"
            )

    def _on_device(self, loader: Batches) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in loader:
            yield (
                images.to(self.device, memory_format=self.layout, non_blocking=True),
                labels.to(self.device, non_blocking=True),
            )

    def _info(self) -> CheckpointInfo:
        return CheckpointInfo(
            method=self.job.trained_by,
            job=self.job.info(),
            epoch=len(self.history),
            best_epoch=self.best_epoch,
            validation_accuracy=self.history[-1]["validation_accuracy"],
            history=self.history,
            start=self.start_sha256,
            segments=self.segments,
        )

    def _resume_(self) -> None:
        info, tensors = checkpoint.read(self.last)
        checkpoint.require_job(info, self.job.info(), self.last)
        load_state_(self.network, tensors, self.last)
        load_momenta_(self.optimiser, self.network, tensors, self.last)
        self.history = [dict(row) for row in info.history]
        self.best_epoch = info.best_epoch
        self.start_sha256 = info.start
        self.segments = info.segments
        if not self._best_is_there():
            self._keep_best_()

    def _best_is_there(self) -> bool:
        """Whether `best.json` is of the best epoch, and tells of all epochs."""
        try:
            best, _ = checkpoint.read(self.best)
        except CheckpointError as error:
            if self.best_epoch == self.epochs_done:  # a kill came between the two
                return False
            raise CheckpointError(
                f"expected the best epoch next to {self.last}, but {error}; restore it, or remove "
                f"{self.last} to train anew"
            ) from error
        return (best.epoch, len(best.history)) == (self.best_epoch, self.epochs_done)


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The weights and the thresholds of a network, each with the weight decay it trains with."""
    thresholds = dict.fromkeys(layer.raw_threshold for layer in activations(network).values())
    weights = [parameter for parameter in network.parameters() if parameter not in thresholds]
    decayed = recipe.extensions.threshold_weight_decay
    return [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": list(thresholds), "weight_decay": recipe.weight_decay if decayed else 0.0},
    ]
