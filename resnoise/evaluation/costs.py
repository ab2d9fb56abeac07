"""What a simulation takes of this machine: time and memory, measured while nothing else runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from resnoise.conversion.preparation import prepare
from resnoise.evaluation.subject import Subject
from resnoise.metrics import (
    Latency,
    alternate,
    forward_pass,
    overhead_ratio,
    peak_memory_mib,
    plain_network,
    without_old_garbage,
)
from resnoise.records.provenance import provenance
from resnoise.simulation.replaying import without_graphs
from resnoise.simulation.simulator import Simulation
from resnoise.utils.device import device_name
from resnoise.utils.precision import true_float32

REPEATS = 7
WARMUP = 2

Costs = dict[str, Any]
"""Fields of a `Record` at one T: latencies, memory, and the machine that they are of."""


@true_float32()
def measure_costs(subject: Subject, timesteps: Sequence[int]) -> list[Costs]:
    """Latency and memory of the first batch of test images.

    Latencies are taken for each time alone, alternating with the network without spikes.

    Args:
        subject: what is simulated.
        timesteps: every T that is asked for.

    Returns:
        The costs at each of `timesteps`.
    """
    simulation = subject.simulation
    batch = next(subject.images())
    plain = plain_network(prepare(subject.job.model()))
    plain = plain.to(subject.device, memory_format=subject.layout)
    if subject.compiled:
        plain = torch.compile(plain)
    calibration = subject.job.method.requirements.calibration_steps
    costs = []
    with without_old_garbage():
        for steps in timesteps:
            batch_time, plain_time = _latencies(simulation, plain, batch, steps)
            single_time, _ = _latencies(simulation, plain, batch[:1], steps)
            with without_graphs():  # which keep their memory, and are handed none when replayed
                memory = peak_memory_mib(lambda t=steps: simulation(batch, t), subject.device)
            costs.append(
                dict(
                    latency_ms_per_image=1e3 * batch_time.median_s / len(batch),
                    latency_iqr_ms=1e3 * batch_time.iqr_s / len(batch),
                    latency_batch=len(batch),
                    latency_batch1_ms=1e3 * single_time.median_s,
                    latency_batch1_iqr_ms=1e3 * single_time.iqr_s,
                    overhead_ratio=overhead_ratio(batch_time, plain_time, calibration + steps),
                    compiled=subject.compiled,
                    peak_memory_mib=memory,
                    device=device_name(subject.device),
                    threads=torch.get_num_threads(),
                    **provenance()._asdict(),
                )
            )
    return costs


def _latencies(
    simulation: Simulation, plain: nn.Module, images: Tensor, timesteps: int
) -> tuple[Latency, Latency]:
    """Times of one simulation and of one forward pass of the network without spikes."""
    times = alternate(
        {
            "spiking": lambda: simulation(images, timesteps),
            "plain": forward_pass(plain, images),
        },
        repeats=REPEATS,
        warmup=WARMUP,
        device=images.device,
    )
    return times["spiking"], times["plain"]
