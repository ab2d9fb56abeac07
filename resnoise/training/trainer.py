"""One training loop for every method: SGD, warm-up and cosine, checkpoints, resume."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resnoise.config.execution import ExecutionConfig
from resnoise.conversion.activation import activations
from resnoise.datasets.resident import AnyBatches, batches_on
from resnoise.errors import ConfigError, Stopped, TrainingError
from resnoise.records.training_record import Session
from resnoise.simulation.network import SpikingLayer
from resnoise.training import checkpoint, saving
from resnoise.training.checkpoint import CheckpointInfo
from resnoise.training.data_parallel import every_nth, every_share, loss_of_shares
from resnoise.training.job import Job
from resnoise.training.memory import explaining_short_memory
from resnoise.training.pace import Pace
from resnoise.training.saving import Saver
from resnoise.training.schedule import learning_rate, noise_ramp
from resnoise.training.session import continued, segment_from
from resnoise.training.step import Step
from resnoise.training.weights import load_momenta_, load_state_
from resnoise.utils import device as devices
from resnoise.utils.device import (
    fastest_convolutions,
    memory_format,
    require_bfloat16,
    require_resolved,
    resolve_device,
    warn_of_emulation,
)
from resnoise.utils.files import ensure_directory
from resnoise.utils.progress import Progress, silent
from resnoise.utils.ranks import gathered, of_this_rank, rank, together, world
from resnoise.utils.seeding import generator_for

CALIBRATION_IMAGES = 512


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
    trainer = Trainer(job, Path(directory), execution, progress, start)
    while trainer.epochs_done < job.recipe.epochs:
        trainer.end_if_late()
        trainer.run_epoch()
        if trainer.saver.is_due() or trainer.epochs_done == job.recipe.epochs:
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
        self.device = resolve_device(self.execution.device)
        self.layout = memory_format(self.execution)
        if self.execution.bf16:
            require_resolved(job.method.levels(job.recipe))
            require_bfloat16(self.device)
        accelerated = devices.is_accelerator(self.device)
        every = saving.SECONDS if accelerated and not self.execution.keep_epochs else 0.0
        self.saver = Saver(directory, every)
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
        shared = world() > 1
        loss = loss_of_shares(self.network, job.method.loss) if shared else job.method.loss
        self.step = Step(
            self.network,
            loss,
            recipe,
            self.execution,
            replayed=accelerated and job.method.capturable and not shared,
        )
        self.optimiser = self.step.optimiser
        if resumed:
            self._resume_()
        if self.execution.bf16 and self.epochs_done < recipe.epochs:
            warn_of_emulation(self.device)
        here = segment_from(self.epochs_done + 1, self.execution, self.device)
        self.segments = continued(self.segments, here)
        self.order = torch.Generator()
        self.training = batches_on(
            self.device,
            job.data.train,
            recipe.batch_size,
            self.layout,
            generator=self.order,
            workers=self.execution.workers,
        )
        self.validation = batches_on(
            self.device, job.data.validation, recipe.batch_size, self.layout
        )
        # The weights of the best epoch, if they are on no disk and no longer in the network.
        self._best_weights: dict[str, Tensor] | None = None
        self._unsaved = 0
        if self.start_sha256 and not resumed:
            # What the weights of another training are worth is known before the first epoch.
            job.method.validate_(self.network, self._to_validate(), recipe)

    @property
    def best(self) -> Path:
        """Path of the checkpoint of the best epoch."""
        return self.saver.best

    @property
    def last(self) -> Path:
        """Path of the checkpoint of the last epoch."""
        return self.saver.last

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    def end_if_late(self) -> None:
        """Save and raise `Stopped` if the deadline leaves no time for another epoch.

        Raises:
            ConfigError: an epoch takes longer than all that was given.
        """
        deadline = self.execution.deadline
        if deadline is None:
            return
        # The last epoch's, if it ran in this way and place: the first has the compilation in it.
        ran_here = self.segments[-1].first_epoch <= self.epochs_done
        seconds = self.history[-1]["seconds"] if ran_here else 0.0
        # One clock decides for all processes.
        (enough, *_) = gathered(deadline.leaves(seconds))
        if not enough:
            self.save()
            deadline.require_one(seconds, "one epoch")
            epochs = f"{self.epochs_done} of {self.job.recipe.epochs} epochs"
            raise Stopped(f"{epochs} of {self.job.training}, seed {self.job.seed}, are trained")

    def run_epoch(self) -> None:
        """Train for one epoch, then validate."""
        started = time.perf_counter()
        epoch = self.epochs_done + 1
        # What the caller draws from the global generators must not repeat after every epoch.
        accelerators = [] if self.device.type == "cpu" else [self.device]
        with (
            torch.random.fork_rng(accelerators, device_type=self.device.type),
            fastest_convolutions(self.device),
            explaining_short_memory(self.step, self.job),
        ):
            self.step.prepare(self.job.data.shape, self.layout)
            self._begin_(epoch)
            loss, accuracy = self._train_(epoch)
            validated = self.job.method.validate_(
                self.network, self._to_validate(), self.job.recipe
            )
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
        self._unsaved += 1
        self._note_best_()

    def save(self) -> None:
        """Write `last.json`, and `best.json` if the best epoch so far is not written yet."""
        if not self._unsaved:
            return
        self._unsaved = 0
        best, self._best_weights = self._best_weights, None
        if rank() > 0:
            return
        weights = self.network.state_dict()
        if self.execution.keep_epochs:
            self.saver.keep(self._info(), weights)
        momenta = {
            name: self.optimiser.state[parameter]["momentum_buffer"]
            for name, parameter in self.network.named_parameters()
            if "momentum_buffer" in self.optimiser.state[parameter]
        }
        earlier = best if self.best_epoch < self.epochs_done else None
        self.saver.write(self._info(), weights, momenta, earlier)

    def _note_best_(self) -> None:
        accuracies = [row["validation_accuracy"] for row in self.history]
        # Of equal epochs the later one, which has trained for longer.
        if accuracies[-1] == max(accuracies):
            self.best_epoch = self.epochs_done
            if not self.saver.is_due():
                state = self.network.state_dict()
                self._best_weights = {name: tensor.clone() for name, tensor in state.items()}

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
                f"of {predecessor.training}, but got none; resnoise.train_in trains both"
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
        noise = of_this_rank(generator_for(seed, "noise", epoch))
        for layer in activations(self.network).values():
            layer.seed_noise_(noise)
            layer.ramp.fill_(noise_ramp(self.job.recipe, epoch))
        # Dropout takes no generator of its own, nor does noise that is drawn in the step.
        # torch.manual_seed would seed all accelerators, of which only that of the training is
        # restored after the epoch.
        dropout = of_this_rank(generator_for(seed, "dropout", epoch)).initial_seed()
        torch.random.default_generator.manual_seed(dropout)
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):
                torch.cuda.manual_seed(dropout)

    def _train_(self, epoch: int) -> tuple[float, float]:
        """One pass over the training split; returns mean loss and accuracy."""
        self.step.begin()
        seen = 0
        steps = len(self.training)
        pace = Pace(steps, devices.is_accelerator(self.device))
        for index, (images, labels) in enumerate(self._to_train()):
            self.step(images, labels, learning_rate(self.job.recipe, epoch - 1 + index / steps))
            seen += len(labels)
            if pace.is_time_to_look(index):
                self._require_finite(epoch, self.step.losses)
                text = f"epoch {epoch} of {self.job.recipe.epochs}"
                text += f", loss {self.step.losses.item() / seen:.3f}"
                if self.history:
                    text += f", validation {self.history[-1]['validation_accuracy']:.2%}"
                done = (epoch - 1) * steps + index + 1
                self.progress(done, self.job.recipe.epochs * steps, text)
                if self.execution.deadline is not None:
                    self.execution.deadline.require_one(pace.epoch_seconds(index), "one epoch")
        self._require_finite(epoch, *self.network.state_dict().values())
        shares = gathered((self.step.losses.item(), self.step.correct.item(), seen))
        losses, correct, seen = map(sum, zip(*shares, strict=True))
        return losses / seen, correct / seen

    def _require_finite(self, epoch: int, *tensors: Tensor) -> None:
        # Looked at once: an accelerator is waited for at each look.
        if not torch.stack([tensor.isfinite().all() for tensor in tensors]).all():
            kept = self.last if self.last.exists() else "none yet"
            raise TrainingError(
                f"loss or weights are not finite in epoch {epoch}; training stopped, last good "
                f"checkpoint: {kept}. Try a smaller learning rate than "
                f"{self.job.recipe.learning_rate:g}"
            )

    def _to_train(self) -> Iterator[tuple[Tensor, Tensor]]:
        everything = self._on_device(self.training)
        return everything if world() == 1 else every_share(everything)

    def _to_validate(self) -> Iterator[tuple[Tensor, Tensor]]:
        everything = self._on_device(self.validation)
        return everything if world() == 1 else every_nth(everything)

    def _on_device(self, loader: AnyBatches) -> Iterator[tuple[Tensor, Tensor]]:
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
        if rank() == 0:
            self.saver.require_best(self._info(), self.network.state_dict())
