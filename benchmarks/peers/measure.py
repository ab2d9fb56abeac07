"""What is measured, each figure beside what it is compared with, in turns within one process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, fx

from benchmarks.inputs import random_data
from benchmarks.peers.libraries import compiled_name, implementations, without_spikes
from resnoise import backends, convert, methods, models, prepare, simulate
from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.metrics import alternate, peak_memory_mib
from resnoise.simulation.simulator import predictions
from resnoise.training.job import Job
from resnoise.training.trainer import Trainer

SHAPE = (3, 32, 32)
CLASSES = tuple(str(number) for number in range(10))
CIFAR_TRAIN, CIFAR_VALIDATION = 45_000, 5_000
EPOCHS = 3
"""Turns of a training: its short epochs are long enough to scatter little."""


@dataclass(frozen=True)
class Settings:
    """How thoroughly to measure.

    Args:
        architectures: to simulate.
        trained: to train.
        batch: images at a time.
        timesteps: T.
        repeats: turns of every implementation.
        compiled: whether to measure what goes through `torch.compile`, too.
        steps: training steps in the short epoch that is timed, in an architecture as small as
            ResNet-20; the large ones take one.
    """

    architectures: tuple[str, ...] = ("resnet20", "vgg16")
    trained: tuple[str, ...] = ("resnet20", "resnet18", "vgg16")
    batch: int = 100
    timesteps: int = 8
    repeats: int = 5
    compiled: bool = True
    steps: int = 4


Announce = Callable[[str], object]
Part = Callable[[Settings, Announce], Iterator[dict[str, Any]]]


def simulations(settings: Settings, announce: Announce) -> Iterator[dict[str, Any]]:
    """Time of a batch, `R(T)`, and predictions, of all implementations."""
    for architecture in settings.architectures:
        announce(architecture)
        yield from _timings(settings, architecture, settings.batch, settings.timesteps)


def single_images(settings: Settings, announce: Announce) -> Iterator[dict[str, Any]]:
    """The same for one image and T = 4: what an edge device would see."""
    for architecture in settings.architectures:
        announce(architecture)
        yield from _timings(settings, architecture, batch=1, timesteps=4, more=5)


def _timings(
    settings: Settings, architecture: str, batch: int, timesteps: int, more: int = 1
) -> Iterator[dict[str, Any]]:
    network = source_network(architecture)
    images = random_images(batch)
    entered = implementations(settings.compiled)
    built = {implementation.name: implementation.build(network) for implementation in entered}
    plain = {
        compiled: without_spikes(network, compiled)
        for compiled in {implementation.compiled for implementation in entered}
    }
    calls: dict[Any, Callable[[], object]] = {
        name: lambda call=call: call(images, timesteps) for name, call in built.items()
    }
    calls |= {compiled: lambda call=call: call(images) for compiled, call in plain.items()}
    repeats = settings.repeats * more
    times = alternate(calls, repeats=repeats, warmup=2, device="cpu")
    expected = predictions(built["reference"](images, timesteps))
    for implementation in entered:
        seconds = times[implementation.name].median_s
        forward = times[implementation.compiled].median_s
        moved = predictions(built[implementation.name](images, timesteps)) != expected
        beside, beside_compiled = (
            seconds / times[name].median_s if name in times else None
            for name in (implementation.beside, compiled_name(implementation.beside))
        )
        yield {
            "architecture": architecture,
            "implementation": implementation.name,
            "timesteps": timesteps,
            "milliseconds": 1e3 * seconds,
            "iqr": 1e3 * times[implementation.name].iqr_s,
            "forward": 1e3 * forward,
            "ratio": seconds / forward,
            "overhead": seconds / (timesteps * forward),
            "beside": implementation.beside,
            "times_as_long": beside,
            "times_as_long_compiled": beside_compiled,
            "moved": moved[-1].sum().item(),
            "batch": batch,
            "repeats": repeats,
        }


def memory(settings: Settings, announce: Announce) -> Iterator[dict[str, Any]]:
    """Peak memory of long simulations over that of T = 8."""
    images = random_images(settings.batch)
    for architecture in settings.architectures:
        announce(architecture)
        run = partial(simulate, convert(source_network(architecture)), images)
        steps = (settings.timesteps, 4 * settings.timesteps)
        for timesteps in steps:
            run(timesteps)
        peaks = _median_peaks(run, steps, settings.repeats)
        first, last = peaks.values()
        yield {
            "architecture": architecture,
            **{f"T={timesteps}": peak for timesteps, peak in peaks.items()},
            "ratio": None if first is None else last / first,
            "batch": settings.batch,
            "repeats": settings.repeats,
        }


def _median_peaks(
    run: Callable[[int], object], steps: Sequence[int], repeats: int
) -> dict[int, float | None]:
    """Peaks of `run` by the number of steps, in turns: what the allocator still holds varies."""
    turns = [
        [peak_memory_mib(partial(run, count), "cpu") for count in steps] for _ in range(repeats)
    ]
    return {
        count: None if None in peaks else median(peaks)
        for count, peaks in zip(steps, zip(*turns, strict=True), strict=True)
    }


def training(settings: Settings, announce: Announce) -> Iterator[dict[str, Any]]:
    """Seconds an epoch of CIFAR-10, from short epochs of random images in the same proportion."""
    for architecture in settings.trained:
        steps = settings.steps if architecture == "resnet20" else 1
        for bf16, compiled in ((False, False), (True, False), (True, True)):
            if compiled and not settings.compiled:
                continue
            announce(f"{architecture}, {'bf16' if bf16 else 'fp32'}{', compiled' * compiled}")
            execution = ExecutionConfig(bf16=bf16, compile=compiled)
            with tempfile.TemporaryDirectory() as folder:
                trainers = {
                    name: _trainer(name, name, architecture, steps, execution, folder)
                    for name in ("qcfs", "nq")
                }
                times = alternate(
                    {name: trainer.run_epoch for name, trainer in trainers.items()},
                    repeats=EPOCHS,
                    warmup=2,  # the first has no noise yet
                    device="cpu",
                )
            scale = CIFAR_TRAIN / (steps * Recipe().batch_size)
            yield {
                "architecture": architecture,
                "bf16": bf16,
                "compiled": compiled,
                **{name: scale * times[name].median_s for name in trainers},
                "ratio": times["nq"].median_s / times["qcfs"].median_s,
                "batch": Recipe().batch_size,
                "repeats": EPOCHS,
            }


def direct_training(settings: Settings, announce: Announce) -> Iterator[dict[str, Any]]:
    """Time and memory of a training step through time, with and without checkpoints over time."""
    if "direct" not in methods.names():
        return
    for backend in (name for name in backends.available() if name != "reference"):
        for timesteps in (1, 2, 4, 8):
            announce(f"{backend}, T = {timesteps}")
            row: dict[str, Any] = {"backend": backend, "timesteps": timesteps}
            with tempfile.TemporaryDirectory() as folder:
                steps = {}
                for checkpointed in (False, True):
                    name = f"direct-ce-{backend}-T{timesteps}"
                    execution = ExecutionConfig(bf16=True, checkpoint_time=checkpointed)
                    place = f"{folder}/{checkpointed}"
                    trainer = _trainer("direct", name, "resnet20", 1, execution, place)
                    steps[checkpointed] = trainer.run_epoch
                times = alternate(steps, repeats=EPOCHS, warmup=1, device="cpu")
                for checkpointed, step in steps.items():
                    suffix = "_checkpointed" if checkpointed else ""
                    row[f"seconds{suffix}"] = times[checkpointed].median_s
                    row[f"mebibytes{suffix}"] = peak_memory_mib(step, "cpu")
            yield {**row, "batch": Recipe().batch_size, "repeats": EPOCHS}


PARTS: dict[str, Part] = {
    "simulation": simulations,
    "image": single_images,
    "memory": memory,
    "training": training,
    "direct": direct_training,
}
"""What can be measured, by the name of its table."""


def source_network(architecture: str) -> fx.GraphModule:
    """A source network with random weights, and thresholds and BatchNorm fitted to its images."""
    model = models.build(architecture, classes=len(CLASSES), shape=SHAPE)
    network = prepare(model, ActivationConfig()).to(memory_format=torch.channels_last)
    images = random_images(100)
    fit_thresholds_(network, images)
    with torch.no_grad():
        for _ in range(10):
            network(images)
    return network.eval()


def random_images(count: int) -> Tensor:
    """Images, `[N, C, H, W]`."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((count, *SHAPE), generator=generator)
    return images.contiguous(memory_format=torch.channels_last)


def _trainer(
    method: str,
    training: str,
    architecture: str,
    steps: int,
    execution: ExecutionConfig,
    folder: str,
) -> Trainer:
    train = steps * Recipe().batch_size
    data = random_data(architecture, train, train * CIFAR_VALIDATION // CIFAR_TRAIN)
    job = Job(methods.get(method), training, architecture, data, Recipe(epochs=999))
    return Trainer(job, Path(folder) / training, execution)
