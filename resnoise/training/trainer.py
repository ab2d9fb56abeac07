"""One training loop for every method: SGD, warm-up and cosine, checkpoints, resume."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resnoise.config.execution import ExecutionConfig
from resnoise.conversion.activation import activations
from resnoise.errors import Stopped, TrainingError
from resnoise.methods import Validation
from resnoise.simulation.layer import SpikingLayer
from resnoise.training import saving
from resnoise.training.course import Course
from resnoise.training.data_parallel import loss_of_shares
from resnoise.training.epoch import train_epoch
from resnoise.training.feed import Feed
from resnoise.training.job import Job
from resnoise.training.memory import explaining_short_memory
from resnoise.training.randomness import callers_generators_kept, seed_epoch_
from resnoise.training.schedule import noise_ramp
from resnoise.training.session import segment_from
from resnoise.training.start import start_
from resnoise.training.step import Step
from resnoise.utils import device as devices
from resnoise.utils.device import (
    fastest_convolutions,
    memory_format,
    training_device,
    warn_of_emulation,
)
from resnoise.utils.files import ensure_directory
from resnoise.utils.precision import true_float32
from resnoise.utils.progress import Progress, silent
from resnoise.utils.ranks import gathered, rank, together, world


def train(
    job: Job,
    directory: str | Path,
    execution: ExecutionConfig | None = None,
    progress: Progress | None = None,
    *,
    start: Path | None = None,
) -> Path:
    """Train a network, or resume a training that was interrupted.

    After every epoch `last.json` is written, on accelerators every `saving.SECONDS`, and
    `best.json` if the validation accuracy of the spiking network is the highest so far; the test
    split is never looked at. A training that is killed and started again ends like one that was
    not, within floating point.

    Args:
        job: what to train.
        directory: where its checkpoints go.
        execution: how to run it.
        progress: called with every step.
        start: checkpoint of `job.predecessor()`, for recipes that start from another training;
            `resnoise.train_in` makes it first.

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
        Stopped: the deadline of `execution` came before the last epoch.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from resnoise import Job, Recipe, datasets, methods
        >>> data = datasets.load("digits", seed=0)
        >>> job = Job(methods.get("nq"), "nq", "digits-cnn", data, Recipe(epochs=1))
        >>> with TemporaryDirectory() as directory:
        ...     train(job, directory).name
        'best.json'
    """
    course = Course(job, Path(directory))
    if course.is_settled:
        return course.saver.best
    trainer = Trainer(job, Path(directory), execution, progress, start)
    while trainer.epochs_done < job.recipe.epochs:
        trainer.end_if_late()
        trainer.run_epoch()
        if trainer.is_due:
            trainer.save()
    together()  # what comes next reads what rank 0 has written
    return trainer.best


class Trainer:
    """A training between two epochs; `train` runs it to its end.

    Args:
        job: what to train.
        directory: where its checkpoints go; a training in it is resumed.
        execution: how to run it.
        progress: called with every step.
        start: checkpoint of `job.predecessor()`, if it has one and there is no training to resume.

    Examples:
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
        self.execution = execution or ExecutionConfig()
        self.progress = progress if progress is not None and rank() == 0 else silent
        self.device = training_device(self.execution, job.method.levels(job.recipe))
        self.layout = memory_format(self.execution)
        accelerated = devices.is_accelerator(self.device)
        self.course = Course(job, directory, saving.SECONDS if accelerated else 0.0)
        # Before the first epoch, not after it, is the time to find that nothing can be saved.
        ensure_directory(directory)

        self.network = job.network()
        resumed = self.course.is_on_disk
        if not resumed:
            self.course.start_sha256 = start_(self.network, job, start)
        self.network.to(self.device, memory_format=self.layout)
        for module in self.network.modules():
            if isinstance(module, SpikingLayer):
                module.checkpointed = self.execution.checkpoint_time
        shared = world() > 1
        loss = loss_of_shares(self.network, job.method.loss) if shared else job.method.loss
        replayed = accelerated and job.method.capturable and not shared
        self.step = Step(self.network, loss, job.recipe, self.execution, replayed=replayed)
        self.optimiser = self.step.optimiser
        if resumed:
            self.course.resume_(self.network, self.optimiser)
        if self.execution.bf16 and self.epochs_done < job.recipe.epochs:
            warn_of_emulation(self.device)
        self.course.runs_on(segment_from(self.epochs_done + 1, self.execution, self.device))
        self.feed = Feed(job.data, job.recipe.batch_size, self.execution, self.device)
        if self.course.start_sha256 and not resumed:
            # What the weights of another training are worth is known before the first epoch.
            self._validate_()

    @property
    def history(self) -> list[dict[str, Any]]:
        """A row for each epoch so far."""
        return self.course.history

    @property
    def best(self) -> Path:
        """Path of the checkpoint of the best epoch."""
        return self.course.saver.best

    @property
    def best_epoch(self) -> int:
        """Its number, from 1; 0 before the first."""
        return self.course.best_epoch

    @property
    def epochs_done(self) -> int:
        return self.course.epochs_done

    @property
    def is_due(self) -> bool:
        """Whether what is done is to be saved now."""
        done = self.epochs_done == self.job.recipe.epochs
        return self.course.saver.is_due() or self._is_kept or done

    @property
    def _is_kept(self) -> bool:
        every = self.execution.keep_epochs
        return every > 0 and self.epochs_done % every == 0

    def end_if_late(self) -> None:
        """Save and raise `Stopped` if the deadline leaves no time for another epoch.

        Raises:
            ConfigError: an epoch takes longer than all that was given, or that is over before the
                first one of this process.
        """
        deadline = self.execution.deadline
        if deadline is None:
            return
        seconds = self.course.seconds_of_last_epoch
        # One clock decides for all processes.
        ((over, enough), *_) = gathered((deadline.is_over_at_first(), deadline.leaves(seconds)))
        if over:
            raise deadline.too_short()
        if not enough:
            self.save()
            deadline.require_one(seconds, "one epoch")
            epochs = f"{self.epochs_done} of {self.job.recipe.epochs} epochs"
            raise Stopped(f"{epochs} of {self.job.training}, seed {self.job.seed}, are trained")

    def run_epoch(self) -> None:
        """Train for one epoch, then validate."""
        started = time.perf_counter()
        epoch = self.epochs_done + 1
        with (
            callers_generators_kept(self.device),
            fastest_convolutions(self.device),
            explaining_short_memory(self.step, self.job),
        ):
            self.step.prepare(self.job.data.shape, self.layout)
            seed_epoch_(self.network, self.feed.order, self.job.seed, epoch, self.device)
            for layer in activations(self.network).values():
                layer.ramp.fill_(noise_ramp(self.job.recipe, epoch))
            loss, accuracy = train_epoch(self.step, self.feed, self.job.recipe, epoch, self._look)
            self._require_finite(*self.network.state_dict().values())
            validated = self._validate_()
        seconds = time.perf_counter() - started
        self.course.add(loss, accuracy, validated, seconds, self.network)

    def save(self) -> None:
        """Write `last.json`, and `best.json` if the best epoch so far is not written yet."""
        self.course.save(self.network, self.optimiser, keep_epoch=self._is_kept)

    def _validate_(self) -> Validation:
        # The best epoch is chosen by it, and the noise is measured.
        with true_float32():
            return self.job.method.validate_(self.network, self.feed.to_validate(), self.job.recipe)

    def _look(self, index: int, seen: int, epoch_seconds: float) -> None:
        """Tell of a step, and end what goes wrong or will not be done in time."""
        self._require_finite(self.step.losses)
        epoch, epochs, steps = self.epochs_done + 1, self.job.recipe.epochs, self.feed.steps
        text = f"epoch {epoch} of {epochs}, loss {self.step.losses.item() / seen:.3f}"
        if self.history:
            text += f", validation {self.history[-1]['validation_accuracy']:.2%}"
        self.progress((epoch - 1) * steps + index + 1, epochs * steps, text)
        if self.execution.deadline is not None:
            self.execution.deadline.require_one(epoch_seconds, "one epoch")

    def _require_finite(self, *tensors: Tensor) -> None:
        # Looked at once: an accelerator is waited for at each look.
        if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
            kept = self.course.saver.last if self.course.is_on_disk else "none yet"
            raise TrainingError(
                f"loss or weights are not finite in epoch {self.epochs_done + 1}; training "
                f"stopped, last good checkpoint: {kept}. Try a smaller learning rate than "
                f"{self.job.recipe.learning_rate:g}"
            )
