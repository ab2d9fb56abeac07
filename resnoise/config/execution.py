"""How a run is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resnoise.errors import ConfigError


@dataclass(frozen=True)
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
        keep_epochs: keep the weights of every epoch, as `epoch-NNNN.json` beside `best.json`.
        workers: processes that load data; 0 loads in the training process.
    """

    device: str = "auto"
    bf16: bool = False
    channels_last: bool = True
    compile: bool = False
    checkpoint_time: bool = False
    keep_epochs: bool = False
    workers: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise ConfigError(
                "expected argument `device` to be auto, cpu, cuda or cuda:N, "
                f"but got {self.device!r}"
            )
        if self.workers < 0:
            raise ConfigError(
                f"expected argument `workers` to be not negative, but got {self.workers}"
            )
