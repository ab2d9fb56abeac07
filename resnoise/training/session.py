"""On what a training ran, and how: a session for each place that it was resumed in."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from resnoise.config.execution import ExecutionConfig
from resnoise.records.provenance import provenance
from resnoise.records.training_record import Session
from resnoise.utils.device import device_name
from resnoise.utils.precision import precision_of


def segment_from(first_epoch: int, execution: ExecutionConfig, device: torch.device) -> Session:
    """The segment of a training that this process starts with `first_epoch`."""
    here = provenance()
    return Session(
        first_epoch=first_epoch,
        precision=precision_of(device, bf16=execution.bf16),
        compiled=execution.compile,
        device=device_name(device),
        threads=torch.get_num_threads(),
        machine=here.machine,
        torch_version=here.torch_version,
        git_commit=here.git_commit,
        git_dirty=here.git_dirty,
    )


def continued(segments: Sequence[Session], segment: Session) -> list[Session]:
    """`segments` with `segment` after them, unless it only continues the last of them."""
    if segments:
        last = segments[-1]
        if segment == last.model_copy(update={"first_epoch": segment.first_epoch}):
            return list(segments)
    return [*segments, segment]
