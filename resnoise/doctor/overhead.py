"""What a simulated step costs over a forward pass, as evaluations run both on a device."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from resnoise import backends
from resnoise.config.execution import ExecutionConfig
from resnoise.conversion.converter import convert
from resnoise.doctor.correctness import SHAPE, network
from resnoise.doctor.finding import Finding
from resnoise.metrics import alternate, forward_pass, overhead_ratio, plain_network
from resnoise.simulation.network import compile_neurons_
from resnoise.simulation.simulator import simulate
from resnoise.utils.device import memory_format
from resnoise.utils.precision import true_float32

TIMESTEPS = 8
REPEATS = 5
WARMUP = 2
"""A graph is captured at the second simulation."""
MOST = 1.2
"""R(8) that neurons on a GPU are to keep to, compiled."""


def overhead(
    device: torch.device, architecture: str, execution: ExecutionConfig, images: Sequence[int]
) -> Finding:
    """R(8) of every backend, for each number of images.

    Args:
        device: where.
        architecture: of the network, its weights made up.
        execution: memory layout and compilation.
        images: how many at a time.
    """
    made, _ = network(architecture)
    layout = memory_format(execution)
    made.to(device, memory_format=layout).eval()
    plain = plain_network(made)
    if execution.compile:
        plain = torch.compile(plain)
    found = {}
    with true_float32():
        for name in backends.available():
            spiking = convert(made, name)
            if execution.compile:
                compile_neurons_(spiking)
            found[name] = []
            for count in images:
                x = torch.rand(count, *SHAPE, device=device).contiguous(memory_format=layout)
                times = alternate(
                    {
                        "spiking": lambda spiking=spiking, x=x: simulate(spiking, x, TIMESTEPS),
                        "plain": forward_pass(plain, x),
                    },
                    repeats=REPEATS,
                    warmup=WARMUP,
                    device=device,
                )
                ratio = overhead_ratio(times["spiking"], times["plain"], TIMESTEPS)
                found[name].append(ratio)
    judged = device.type == "cuda" and execution.compile
    well = all(ratio <= MOST for ratios in found.values() for ratio in ratios) if judged else None
    each = (f"{name} {' / '.join(f'{r:.2f}' for r in found[name])}" for name in found)
    counts = " / ".join(map(str, images))
    return Finding(f"R({TIMESTEPS}) {architecture}", f"{', '.join(each)} on {counts} images", well)
