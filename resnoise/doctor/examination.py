"""All looks at a machine, within a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import torch

from resnoise.config.deadline import Deadline
from resnoise.config.execution import ExecutionConfig
from resnoise.doctor import correctness, overhead, speed
from resnoise.doctor.finding import Finding, Looks, looked_at
from resnoise.records.provenance import provenance
from resnoise.utils.device import device_name, has_bfloat16, resolve_device

SECONDS = 90.0
BUSY = 0.75
"""Load of a core from which what is timed waits for other programs."""
NETWORKS = ("resnet20", "vgg16", "resnet18")


def examine(
    execution: ExecutionConfig, *, quick: bool = False, seconds: float = SECONDS
) -> Iterator[Finding]:
    """Look at a machine.

    Args:
        execution: device, precision and compilation of the trainings that are timed.
        quick: one network and few images, as on a CPU, in place of all that papers have.
        seconds: after which no look is begun; what is left is said to be left out.

    Raises:
        ConfigError: there is no such device.
    """
    device = resolve_device(execution.device)
    deadline = Deadline.after(seconds)
    yield _machine(device)
    few = quick or device.type == "cpu"
    for name, look in _looks(device, execution, few):
        if deadline.left <= 0:
            yield Finding(name, f"left out, for want of time after {seconds:.0f} s")
        else:
            yield looked_at(name, look)
    if few and not quick:
        left_out = ", ".join(NETWORKS[1:])
        yield Finding(left_out, "left out on a CPU, where an epoch of theirs takes up to an hour")


def _machine(device: torch.device) -> Finding:
    here = provenance()
    bf16 = "bfloat16" if has_bfloat16(device) else "no bfloat16"
    threads = f"{torch.get_num_threads()} threads"
    found = f"{device_name(device)} ({here.machine}, {threads}), {bf16}, torch {here.torch_version}"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY * (os.cpu_count() or 1):
        found += f"; busy, with a load of {load:.1f}: take no figures"
    return Finding("device", found)


def _looks(device: torch.device, execution: ExecutionConfig, few: bool) -> Looks:
    images, batch_size = (280, 64) if few else (10_000, 256)
    yield "precision", partial(correctness.precision, device)
    yield "backends", partial(correctness.parity, device, "resnet20")
    yield "loader", partial(speed.loader, 2_500 if few else 25_000)
    for architecture in NETWORKS[:1] if few else NETWORKS:
        for method in ("nq", "qcfs"):
            look: Callable[[], Finding] = partial(
                speed.epoch, method, architecture, execution, images, batch_size
            )
            yield f"{method} {architecture}", look
        counts = (8,) if few else (100, 1000)
        yield (
            f"R({overhead.TIMESTEPS}) {architecture}",
            partial(overhead.overhead, device, architecture, execution, counts),
        )
        if architecture == NETWORKS[0]:
            trained = "digits-cnn" if few else architecture
            yield "compiled gradients", partial(correctness.gradients, device, trained)
