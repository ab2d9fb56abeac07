"""What a training leaves on disk: its last epoch, to resume from, and its best.

Accelerators train an epoch in less time than its weights take to be written, so epochs may go
unwritten for a while; a kill then costs the seconds since the last write.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from resnoise.errors import CheckpointError
from resnoise.training import checkpoint
from resnoise.training.checkpoint import EPOCH, MOMENTUM, CheckpointInfo

SECONDS = 30.0
"""Between two writes of a training on an accelerator."""


class Saver:
    """The checkpoints of one training.

    Args:
        directory: where they are.
        every: seconds between two writes; 0 writes after every epoch.

    Attributes:
        best: path of the checkpoint of the best epoch.
        last: path of that of the last one, which has the optimiser's tensors too.
    """

    def __init__(self, directory: Path, every: float = 0.0) -> None:
        self.best = directory / "best.json"
        self.last = directory / "last.json"
        # The best epoch, from before `last` is written until it is in its place.
        self._next_best = directory / "next-best.json"
        self._every = every
        self._written = time.monotonic()

    def is_due(self) -> bool:
        """Whether an epoch is to be written."""
        return time.monotonic() - self._written >= self._every

    def keep(self, info: CheckpointInfo, weights: Mapping[str, Tensor]) -> None:
        """Write an epoch that stays."""
        name = EPOCH.format(f"{info.epoch:04}")
        checkpoint.write(self.last.with_name(f"{name}.json"), info, weights)

    def write(
        self,
        last: CheckpointInfo,
        weights: Mapping[str, Tensor],
        momenta: Mapping[str, Tensor],
        best_weights: Mapping[str, Tensor] | None,
    ) -> None:
        """Write the last epoch, and the best.

        `last.json` is written before `best.json` and has all that it needs if it is the best. In
        the other order a kill between them would leave an epoch as the best that is then trained
        once more, on another machine with another accuracy.

        Args:
            last: what to say of the last epoch.
            weights: of the last epoch.
            momenta: of the optimiser, by the names of the weights.
            best_weights: of the best epoch, if it came after the last write and before this epoch.
        """
        if best_weights is not None:
            checkpoint.write(self._next_best, _of_best(last), best_weights)
        named = {f"{MOMENTUM}{name}": tensor for name, tensor in momenta.items()}
        checkpoint.write(self.last, last, {**weights, **named})
        self.settle(last, weights)
        self._written = time.monotonic()

    def settle(self, last: CheckpointInfo, weights: Mapping[str, Tensor]) -> None:
        """Bring `best.json` up to `last.json`, whose weights are given.

        Raises:
            CheckpointError: the best epoch is neither the last, nor waiting, nor in `best.json`.
        """
        if last.best_epoch == last.epoch:
            checkpoint.write(self.best, last, weights)
        elif (next_best := self._waiting(last)) is not None:
            checkpoint.write(self.best, _of_best(last), next_best)
        else:
            checkpoint.amend(self.best, last)
        self._forget_next_best()

    def require_best(self, last: CheckpointInfo, weights: Mapping[str, Tensor]) -> None:
        """See to it that `best.json` is the best epoch of `last.json`, and tells of all epochs.

        Raises:
            CheckpointError: it is missing, damaged or of another epoch, and nothing that is there
                can replace it.
        """
        try:
            best, _ = checkpoint.read(self.best)
        except CheckpointError as error:
            # A kill came between the two.
            if last.best_epoch != last.epoch and self._waiting(last) is None:
                raise CheckpointError(
                    f"expected the best epoch next to {self.last}, but {error}; restore it, or "
                    f"remove {self.last} to train anew"
                ) from error
        else:
            if (best.epoch, len(best.history)) == (last.best_epoch, last.epoch):
                return
        self.settle(last, weights)

    def only_best(self, epochs: int) -> CheckpointInfo | None:
        """The best epoch, if a training of so many is done and of its weights only these are here.

        A pack that had no room for more leaves it so.

        Raises:
            CheckpointError: a file is missing or damaged.
        """
        if not self.last.exists():
            return None
        last = checkpoint.read_info(self.last)
        if last.epoch < epochs or (self.last.parent / last.weights).exists():
            return None
        best, _ = checkpoint.read(self.best)
        is_whole = (best.epoch, len(best.history)) == (last.best_epoch, last.epoch)
        return best if is_whole else None

    def _waiting(self, last: CheckpointInfo) -> dict[str, Tensor] | None:
        """The weights of the best epoch, where a kill left them out of their place."""
        if not self._next_best.exists():
            return None
        info, weights = checkpoint.read(self._next_best)
        return weights if (info.job, info.epoch) == (last.job, last.best_epoch) else None

    def _forget_next_best(self) -> None:
        for path in self._next_best.parent.glob(f"{self._next_best.stem}*"):
            path.unlink()


def _of_best(last: CheckpointInfo) -> CheckpointInfo:
    """What to say of the best epoch of a training, given what there is to say of its last."""
    best = last.history[last.best_epoch - 1]
    change = {"epoch": last.best_epoch, "validation_accuracy": best["validation_accuracy"]}
    return last.model_copy(update=change)
