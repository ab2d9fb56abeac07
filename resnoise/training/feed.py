"""The batches that a training is fed: on its device, and of a group of processes its share."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from resnoise.config.execution import ExecutionConfig
from resnoise.datasets import ImageData
from resnoise.datasets.resident import AnyBatches, batches_on
from resnoise.training.data_parallel import every_nth, every_share
from resnoise.utils.device import memory_format
from resnoise.utils.ranks import world

Batches = Iterator[tuple[Tensor, Tensor]]
"""Pairs of images `[N, C, H, W]` and labels `[N]`."""


class Feed:
    """Batches to train on and to validate on.

    Args:
        data: what they are of.
        batch_size: N, of all processes together.
        execution: memory layout, and processes that load.
        device: where the training is.

    Attributes:
        order: generator of the order of the training images and of their augmentation; to be
            seeded before every epoch.
        steps: batches of an epoch.

    Examples:
        >>> from resnoise import datasets
        >>> data = datasets.load("digits", seed=0)
        >>> feed = Feed(data, 256, ExecutionConfig(), torch.device("cpu"))
        >>> len(list(feed.to_train())) == feed.steps
        True
    """

    def __init__(
        self, data: ImageData, batch_size: int, execution: ExecutionConfig, device: torch.device
    ) -> None:
        self._device = device
        self._layout = memory_format(execution)
        self.order = torch.Generator()
        self._training = batches_on(
            device,
            data.train,
            batch_size,
            self._layout,
            generator=self.order,
            workers=execution.workers,
        )
        self._validation = batches_on(device, data.validation, batch_size, self._layout)

    @property
    def steps(self) -> int:
        return len(self._training)

    def to_train(self) -> Batches:
        """This process's share of every batch of an epoch."""
        everything = self._on_device(self._training)
        return everything if world() == 1 else every_share(everything)

    def to_validate(self) -> Batches:
        """This process's batches, whole, of the validation split."""
        everything = self._on_device(self._validation)
        return everything if world() == 1 else every_nth(everything)

    def _on_device(self, loader: AnyBatches) -> Batches:
        for images, labels in loader:
            yield (
                images.to(self._device, memory_format=self._layout, non_blocking=True),
                labels.to(self._device, non_blocking=True),
            )
