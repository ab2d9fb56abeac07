"""How a run is executed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from resnoise.config.deadline import Deadline
from resnoise.config.settings import Device, Switch, integer, settings


@settings
class ExecutionConfig:
    """How a run is executed; apart from rounding it does not change results.

    Args:
        device: `"auto"` (CUDA when there is one), `"cpu"`, `"cuda"` or `"cuda:N"`.
        bf16: train under bfloat16 autocast; slower than float32 on processors that lack it.
        channels_last: keep images and convolutions in channels-last memory layout.
        compile: train through `torch.compile`, and simulate the neurons of any backend through it.
        checkpoint_time: keep nothing of the neurons' loop over time for the backward pass of a
            direct training, and run it again instead: less memory, the same gradients, more time,
            but less of it on Norse with `compile`.
        keep_epochs: keep the weights of one epoch in this many, as `epoch-NNNN.json` next to
            `best.json`; 1 keeps all, 0 none.
        workers: processes that load data; 0 loads in the training process.
        deadline: when trainings and comparisons end in good order, to be resumed; None is never.

    Examples:
        >>> ExecutionConfig(device="cpu", compile=True).bf16
        False
    """

    device: Device = "auto"
    bf16: Switch = False
    channels_last: Switch = True
    compile: Switch = False
    checkpoint_time: Switch = False
    keep_epochs: Annotated[int, integer("not negative", gt=-1)] = 0
    workers: Annotated[int, integer("not negative", gt=-1, le=1024)] = 0
    deadline: Annotated[Deadline | None, Field(description="a Deadline or None")] = None
