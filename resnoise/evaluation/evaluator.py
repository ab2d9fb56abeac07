"""A trained network on test images: one record a number of time steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn

from resnoise import backends
from resnoise.config.checks import require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.conversion.activation import activations, noise_mode
from resnoise.conversion.preparation import prepare
from resnoise.datasets import Split, batches
from resnoise.errors import ConfigError
from resnoise.evaluation.calibration import calibrated_simulation
from resnoise.methods import Training
from resnoise.metrics import (
    ActivityMeter,
    Latency,
    agreement,
    alternate,
    footprint,
    overhead_ratio,
    peak_memory_mib,
    plain_network,
)
from resnoise.records.packing import pack_correct, pack_test_ids
from resnoise.records.provenance import provenance
from resnoise.records.record import Record
from resnoise.simulation.network import compile_neurons_
from resnoise.simulation.simulator import Simulation, predictions
from resnoise.training.job import Job
from resnoise.utils.device import device_name, memory_format, resolve_device
from resnoise.utils.progress import Progress, silent
from resnoise.utils.seeding import generator_for

BATCH = 100
REPEATS = 7
WARMUP = 2
STATE_BYTES = 4  # of one number of a neuron's state


@dataclass(frozen=True)
class _Source:
    """What the network without spikes does on the test images."""

    accuracy: float | None = None
    noisy_accuracy: float | None = None
    predictions: Tensor | None = None


def evaluate(
    job: Job,
    path: Path,
    backend: str,
    training: Training,
    execution: ExecutionConfig | None = None,
    *,
    progress: Progress | None = None,
) -> list[Record]:
    """Evaluate a trained network on the test split, at every time step it was asked for.

    One simulation of the longest time gives the predictions of all shorter ones. Latencies are
    taken for each time alone, on the first batch, alternating with the network without spikes.

    Args:
        job: what was trained.
        path: its checkpoint.
        backend: whose neurons simulate it.
        training: which T to evaluate.
        execution: device, memory layout and compilation; the rest concerns training alone.
        progress: told of every batch.

    Returns:
        One record for each of `training.timesteps`.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another job.
        BackendError: the backend is not known, or not installed.
        ConfigError: there is no such device.
        DataError: an image cannot be read, or one that calibrates is a test image.
    """
    made_by = provenance()
    execution = execution or ExecutionConfig()
    progress = progress or silent
    device = resolve_device(execution.device)
    layout = memory_format(execution)
    info, network = job.restore(path)
    network.to(device, memory_format=layout)
    longest = max(training.timesteps)
    simulation = calibrated_simulation(job, network, backend, longest, layout)
    if execution.compile:
        compile_neurons_(simulation.network)
    images = _Images(job.data.test, device, layout)

    source = _evaluate_source(job.method.source(network), images, job.seed)
    predicted, meter = _predict(simulation, images, longest, progress)
    right = predicted == images.labels
    first = images.first()
    plain = plain_network(prepare(job.model())).to(device, memory_format=layout)
    if execution.compile:
        plain = torch.compile(plain)

    asked = job.method.requirements
    records = []
    for timesteps in training.timesteps:
        total = asked.calibration_steps + timesteps
        correct = right[timesteps - 1].numpy()
        batch_time, plain_time = _latencies(simulation, plain, first, timesteps)
        single_time, _ = _latencies(simulation, plain, first[:1], timesteps)
        activity = meter.activity(*simulation.spent(timesteps))
        size = footprint(simulation.network, timesteps)
        records.append(
            Record(
                **job.key(backend, timesteps)._asdict(),
                presimulation_steps=asked.calibration_steps,
                total_steps=total,
                neuron=asked.neuron,
                calibration_images=asked.calibration_images,
                spike_levels=asked.spike_levels,
                looks_at_test_image=asked.looks_at_test_image,
                state_bytes=STATE_BYTES * asked.state_values * meter.neurons,
                accuracy=float(correct.mean()),
                ann_accuracy=source.accuracy,
                ann_noisy_accuracy=source.noisy_accuracy,
                agreement=None
                if source.predictions is None
                else agreement(predicted[timesteps - 1], source.predictions),
                n_test=len(correct),
                correct=pack_correct(correct),
                test_ids=pack_test_ids(job.data.test_ids),
                latency_ms_per_image=1e3 * batch_time.median_s / len(first),
                latency_iqr_ms=1e3 * batch_time.iqr_s / len(first),
                latency_batch=len(first),
                latency_batch1_ms=1e3 * single_time.median_s,
                latency_batch1_iqr_ms=1e3 * single_time.iqr_s,
                overhead_ratio=overhead_ratio(batch_time, plain_time, total),
                compiled=execution.compile,
                peak_memory_mib=peak_memory_mib(lambda t=timesteps: simulation(first, t), device),
                **activity._asdict(),
                ann_macs=meter.ann_macs,
                parameters=size.parameters,
                parameter_bytes=size.bytes,
                **made_by._asdict(),
                backend_version=backends.get(backend).version,
                device=device_name(device),
                threads=torch.get_num_threads(),
                data_sha256=job.data.sha256,
                checkpoint_sha256=info.sha256,
                recipe=job.recipe.to_json(),
                epochs=len(info.history),
                best_epoch=info.best_epoch,
                validation_accuracy=info.validation_accuracy,
                train_seconds=sum(row["seconds"] for row in info.history),
                train_segments=info.segments,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )
    return records


class _Images:
    """The test split in batches on the device."""

    def __init__(self, split: Split, device: torch.device, layout: torch.memory_format) -> None:
        self.split = split
        self.device = device
        self.layout = layout
        self.labels = torch.from_numpy(split.labels)

    def __len__(self) -> int:
        return -(-len(self.split) // BATCH)

    def __iter__(self) -> Iterator[Tensor]:
        for images, _ in batches(self.split, BATCH):
            yield images.to(self.device, memory_format=self.layout)

    def first(self) -> Tensor:
        return next(iter(self))


@torch.inference_mode()
def _evaluate_source(network: nn.Module | None, images: _Images, seed: int) -> _Source:
    if network is None:
        return _Source()
    predicted = torch.cat([network(batch).argmax(-1).cpu() for batch in images])
    accuracy = (predicted == images.labels).double().mean().item()
    layers = activations(network).values()
    if not any(layer.has_noise for layer in layers):
        return _Source(accuracy, None, predicted)
    noise = generator_for(seed, "evaluation noise")
    for layer in layers:
        layer.seed_noise_(noise)
    with noise_mode(network, "always"):
        noisy = torch.cat([network(batch).argmax(-1).cpu() for batch in images])
    return _Source(accuracy, (noisy == images.labels).double().mean().item(), predicted)


def _predict(
    simulation: Simulation, images: _Images, timesteps: int, progress: Progress
) -> tuple[Tensor, ActivityMeter]:
    """Predicted classes, tensor of shape `[T, images]`, and what the network did for them."""
    rows = []
    meter = ActivityMeter(simulation.network)
    with meter.counting():
        for index, batch in enumerate(images, start=1):
            rows.append(predictions(simulation(batch, timesteps)).cpu())
            progress(index, len(images), "test images")
    return torch.cat(rows, dim=1), meter


def _latencies(
    simulation: Simulation, plain: nn.Module, images: Tensor, timesteps: int
) -> tuple[Latency, Latency]:
    """Times of one simulation and of one forward pass of the network without spikes."""
    times = alternate(
        {
            "spiking": lambda: simulation(images, timesteps),
            "plain": lambda: _forward(plain, images),
        },
        repeats=REPEATS,
        warmup=WARMUP,
        device=images.device,
    )
    return times["spiking"], times["plain"]


@torch.inference_mode()
def _forward(network: nn.Module, images: Tensor) -> Tensor:
    return network(images)


def training_of(job: Job, backend: str, timesteps: Sequence[int]) -> Training:
    """What a job's network can be evaluated at.

    Raises:
        ConfigError: these are no numbers of time steps, or its method does not evaluate it on this
            backend at any of them.
    """
    require_timesteps("timesteps", timesteps)
    for training in job.method.trainings(backend, timesteps):
        if training.name == job.training:
            return training
    raise ConfigError(
        f"method {job.method.name} does not evaluate training {job.training} on {backend} at T = "
        f"{', '.join(map(str, timesteps))}"
    )
