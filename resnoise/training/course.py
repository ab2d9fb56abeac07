"""What a training has behind it: its epochs, where they ran, and the best; on disk, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from resnoise.methods import Validation
from resnoise.records.training_record import Session
from resnoise.training import checkpoint
from resnoise.training.checkpoint import CheckpointInfo
from resnoise.training.job import Job
from resnoise.training.saving import Saver
from resnoise.training.session import continued
from resnoise.training.weights import load_momenta_, load_state_
from resnoise.utils.ranks import rank


class Course:
    """The epochs of a training so far.

    Args:
        job: what is trained.
        directory: where its checkpoints go.
        every: seconds between two writes; 0 writes after every epoch.

    Attributes:
        saver: of its checkpoints.
        history: a row for each epoch.
        segments: a session for each place and way that it ran in.
        best_epoch: its number, from 1; 0 before the first.
        start_sha256: of the weights of another training that it started from; empty if of none.
    """

    def __init__(self, job: Job, directory: Path, every: float = 0.0) -> None:
        self.job = job
        self.saver = Saver(directory, every)
        self.history: list[dict[str, Any]] = []
        self.segments: list[Session] = []
        self.best_epoch = 0
        self.start_sha256 = ""
        # The weights of the best epoch, if they are on no disk.
        self._best_weights: dict[str, Tensor] | None = None
        self._unsaved = 0

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def is_on_disk(self) -> bool:
        """Whether there is a training in the directory, to be resumed."""
        return self.saver.last.exists()

    @property
    def is_settled(self) -> bool:
        """Whether all its epochs are done, and the directory has what follows of them alone.

        Raises:
            CheckpointError: it is another training, or damaged.
        """
        best = self.saver.only_best(self.job.recipe.epochs)
        if best is not None:
            checkpoint.require_job(best, self.job.info(), self.saver.best)
        return best is not None

    @property
    def seconds_of_last_epoch(self) -> float:
        """What another one will take, if the last one ran in this way and place; else 0.

        The first has the compilation in it.
        """
        ran_here = self.segments[-1].first_epoch <= self.epochs_done
        return self.history[-1]["seconds"] if ran_here else 0.0

    def resume_(self, network: nn.Module, optimiser: Optimizer) -> None:
        """Take up the training of the directory: its epochs, weights and momenta.

        Raises:
            CheckpointError: it is another training, damaged, or lacks its best epoch.
        """
        last = self.saver.last
        info, tensors = checkpoint.read(last)
        checkpoint.require_job(info, self.job.info(), last)
        load_state_(network, tensors, last)
        load_momenta_(optimiser, network, tensors, last)
        self.history = [dict(row) for row in info.history]
        self.best_epoch = info.best_epoch
        self.start_sha256 = info.start
        self.segments = info.segments
        if rank() == 0:
            self.saver.require_best(self.info(), network.state_dict())

    def runs_on(self, session: Session) -> None:
        """Note where and how the epochs from here on run."""
        self.segments = continued(self.segments, session)

    def add(
        self,
        loss: float,
        accuracy: float,
        validated: Validation,
        seconds: float,
        network: nn.Module,
    ) -> None:
        """Note an epoch that is done; if it is the best, its weights are kept until written.

        Args:
            loss: mean over the training images.
            accuracy: on them.
            validated: what the validation images say.
            seconds: that it took.
            network: after it.
        """
        self.history.append(
            {
                "epoch": self.epochs_done + 1,
                "train_loss": loss,
                "train_accuracy": accuracy,
                "validation_accuracy": validated.accuracy,
                "seconds": seconds,
                "layers": {
                    name: {"mean": error.mean, "std": error.std, "sigma": error.sigma}
                    for name, error in validated.layers.items()
                },
            }
        )
        self._unsaved += 1
        accuracies = [row["validation_accuracy"] for row in self.history]
        # Of equal epochs the later one, which has trained for longer.
        if accuracies[-1] == max(accuracies):
            self.best_epoch = self.epochs_done
            # Even if a write is due: whether one comes before the next epoch is the caller's to
            # say. A copy is small beside what a step needs, and goes with the write.
            state = network.state_dict()
            self._best_weights = {name: tensor.clone() for name, tensor in state.items()}

    def save(self, network: nn.Module, optimiser: Optimizer, *, keep_epoch: bool) -> None:
        """Write `last.json`, and `best.json` if the best epoch so far is not written yet.

        Args:
            network: after the last epoch.
            optimiser: of its weights.
            keep_epoch: whether to write the epoch to a checkpoint of its own as well.
        """
        if not self._unsaved:
            return
        self._unsaved = 0
        best, self._best_weights = self._best_weights, None
        if rank() > 0:
            return
        weights = network.state_dict()
        if keep_epoch:
            self.saver.keep(self.info(), weights)
        momenta = {
            name: optimiser.state[parameter]["momentum_buffer"]
            for name, parameter in network.named_parameters()
            if "momentum_buffer" in optimiser.state[parameter]
        }
        earlier = best if self.best_epoch < self.epochs_done else None
        self.saver.write(self.info(), weights, momenta, earlier)

    def info(self) -> CheckpointInfo:
        """What a checkpoint says of the last epoch."""
        return CheckpointInfo(
            method=self.job.trained_by,
            job=self.job.info(),
            epoch=self.epochs_done,
            best_epoch=self.best_epoch,
            validation_accuracy=self.history[-1]["validation_accuracy"],
            history=self.history,
            start=self.start_sha256,
            segments=self.segments,
        )
