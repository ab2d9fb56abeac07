"""What is evaluated: a trained network as one method, on one backend and one device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from resnoise.config.execution import ExecutionConfig
from resnoise.datasets import batches
from resnoise.errors import ConversionError
from resnoise.evaluation.calibration import calibrated_simulation
from resnoise.simulation.network import compile_neurons_
from resnoise.training.job import Job
from resnoise.utils.device import memory_format, resolve_device
from resnoise.utils.precision import true_float32
from resnoise.utils.tensors import require_finite

BATCH = 100


class Subject:
    """A trained network, made ready to be simulated.

    Args:
        job: what was trained.
        path: its checkpoint.
        backend: whose neurons simulate it.
        timesteps: the largest T that it will be asked for.
        execution: device, memory layout and compilation; the rest concerns training alone.

    Attributes:
        info: what the checkpoint says.
        network: the network that was trained.
        simulation: the spiking network that the job's method makes of it.
        device: where both are.
        layout: memory layout of their images.
        compiled: whether neurons run through `torch.compile`.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another job.
        BackendError: the backend is not known, or not installed.
        ConfigError: there is no such device.
        DataError: an image that calibrates is a test image.
        ConversionError: some weights are infinite or NaN.
    """

    def __init__(
        self,
        job: Job,
        path: Path,
        backend: str,
        timesteps: int,
        execution: ExecutionConfig | None = None,
    ) -> None:
        execution = execution or ExecutionConfig()
        self.job = job
        self.backend = backend
        self.compiled = execution.compile
        self.device = resolve_device(execution.device)
        self.layout = memory_format(execution)
        self.info, network = job.restore(path)
        require_finite(network.state_dict().items(), ConversionError)
        self.network = network.to(self.device, memory_format=self.layout)
        with true_float32():
            self.simulation = calibrated_simulation(
                job, self.network, backend, timesteps, self.layout
            )
        if self.compiled:
            compile_neurons_(self.simulation.network)

    @property
    def labels(self) -> Tensor:
        """Classes of the test images, tensor of shape `[images]`."""
        return torch.from_numpy(self.job.data.test.labels)

    def images(self) -> Iterator[Tensor]:
        """The test images in batches `[N, C, H, W]` on the device."""
        for images, _ in batches(self.job.data.test, BATCH):
            yield images.to(self.device, memory_format=self.layout)
