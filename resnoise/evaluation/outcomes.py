"""What a network makes of the test images: all of a record that is the same at every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resnoise import backends
from resnoise.conversion.activation import activations, noise_mode
from resnoise.evaluation.subject import BATCH, Subject
from resnoise.metrics import ActivityMeter, agreement, footprint
from resnoise.records.packing import pack_correct, pack_test_ids
from resnoise.simulation.simulator import predictions
from resnoise.utils.precision import precision_of, true_float32
from resnoise.utils.progress import Progress
from resnoise.utils.seeding import generator_for

STATE_BYTES = 4  # of one number of a neuron's state

Outcome = dict[str, Any]
"""Fields of a `Record` at one T; those of its costs are left out."""


@dataclass(frozen=True)
class _Source:
    """What the network without spikes does on the test images."""

    accuracy: float | None = None
    noisy_accuracy: float | None = None
    predictions: Tensor | None = None


@true_float32()
def simulate_test_images(
    subject: Subject, timesteps: Sequence[int], progress: Progress
) -> list[Outcome]:
    """Accuracy, activity and energy on the test split, and where they come from.

    One simulation of the longest time gives the predictions of all shorter ones.

    Args:
        subject: what is simulated.
        timesteps: every T that is asked for.
        progress: told of every batch.

    Returns:
        One outcome for each of `timesteps`.

    Raises:
        DataError: an image cannot be read.
    """
    job, info = subject.job, subject.info
    labels = subject.labels
    source = _evaluate_source(subject, labels)
    predicted, meter = _predict(subject, max(timesteps), progress)
    asked = job.method.requirements
    outcomes = []
    for steps in timesteps:
        total = asked.calibration_steps + steps
        size = footprint(subject.simulation.network, steps)
        answers = predicted[steps - 1]
        correct = (answers == labels).numpy()
        outcomes.append(
            dict(
                **job.key(subject.backend, steps)._asdict(),
                presimulation_steps=asked.calibration_steps,
                total_steps=total,
                neuron=asked.neuron,
                calibration_images=min(asked.calibration_images, len(job.data.train)),
                spike_levels=asked.spike_levels,
                looks_at_test_image=asked.looks_at_test_image,
                state_bytes=STATE_BYTES * asked.state_values * meter.neurons,
                accuracy=float(correct.mean()),
                ann_accuracy=source.accuracy,
                ann_noisy_accuracy=source.noisy_accuracy,
                agreement=None
                if source.predictions is None
                else agreement(answers, source.predictions),
                n_test=len(correct),
                correct=pack_correct(correct),
                test_ids=pack_test_ids(job.data.test_ids),
                **meter.activity(*subject.simulation.spent(steps))._asdict(),
                ann_macs=meter.ann_macs,
                parameters=size.parameters,
                parameter_bytes=size.bytes,
                backend_version=backends.get(subject.backend).version,
                data_sha256=job.data.sha256,
                checkpoint_sha256=info.sha256,
                recipe=job.recipe.to_json(),
                epochs=len(info.history),
                best_epoch=info.epoch,
                validation_accuracy=info.validation_accuracy,
                train_seconds=sum(row["seconds"] for row in info.history),
                train_segments=info.segments,
                precision=precision_of(subject.device),
            )
        )
    return outcomes


@torch.inference_mode()
def _evaluate_source(subject: Subject, labels: Tensor) -> _Source:
    network = subject.job.method.source(subject.network)
    if network is None:
        return _Source()

    def predict() -> Tensor:
        return torch.cat([network(batch).argmax(-1).cpu() for batch in subject.images()])

    predicted = predict()
    accuracy = _share(predicted == labels)
    if not _is_noisy(network):
        return _Source(accuracy, None, predicted)
    noise = generator_for(subject.job.seed, "evaluation noise")
    for layer in activations(network).values():
        layer.seed_noise_(noise)
    with noise_mode(network, "always"):
        return _Source(accuracy, _share(predict() == labels), predicted)


def _is_noisy(network: nn.Module) -> bool:
    return any(layer.has_noise for layer in activations(network).values())


def _share(right: Tensor) -> float:
    return right.double().mean().item()


def _predict(subject: Subject, timesteps: int, progress: Progress) -> tuple[Tensor, ActivityMeter]:
    """Predicted classes, tensor of shape `[T, images]`, and what the network did for them."""
    simulation = subject.simulation
    batches = -(-len(subject.job.data.test) // BATCH)
    rows = []
    meter = ActivityMeter(simulation.network)
    with meter.counting():
        for index, batch in enumerate(subject.images(), start=1):
            rows.append(predictions(simulation(batch, timesteps)).cpu())
            progress(index, batches, "test images")
    return torch.cat(rows, dim=1), meter
