"""On what a training ran, and how: a segment for each place that it went on in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from resnoise.config import ExecutionConfig
from resnoise.provenance import device_name, provenance
from resnoise.schema import Schema


class Segment(Schema):
    """Consecutive epochs of one training that ran in one way, in one place, on one code."""

    first_epoch: Annotated[int, Field(ge=1, description="the last is that before the next one's")]
    precision: Literal["float32", "bfloat16"] = Field(
        description="of the arithmetic; bfloat16 is autocast, with weights in float32"
    )
    compiled: bool = Field(description="whether it went through torch.compile")
    device: str = Field(description="torch device or name of the accelerator")
    threads: Annotated[int, Field(ge=1, description="torch threads")]
    machine: str = Field(description="model of the processor")
    torch_version: str
    git_commit: str = Field(description="commit of the code that ran; empty if unknown")
    git_dirty: bool = Field(description="whether tracked files differed from that commit")

    def __str__(self) -> str:
        """The place and the way, in one line, without epochs and commit."""
        return (
            f"{self.machine}, {self.device}, {self.threads} threads, {self.precision}"
            f"{', compiled' * self.compiled}, torch {self.torch_version}"
        )


def segment_from(first_epoch: int, execution: ExecutionConfig, device: torch.device) -> Segment:
    """The segment of a training that this process starts with `first_epoch`."""
    here = provenance()
    return Segment(
        first_epoch=first_epoch,
        precision="bfloat16" if execution.bf16 else "float32",
        compiled=execution.compile,
        device=device_name(device),
        threads=torch.get_num_threads(),
        machine=here.machine,
        torch_version=here.torch_version,
        git_commit=here.git_commit,
        git_dirty=here.git_dirty,
    )


def continued(segments: Sequence[Segment], segment: Segment) -> list[Segment]:
    """`segments` with `segment` after them, unless it only goes on with the last of them."""
    if segments:
        last = segments[-1]
        if segment == last.model_copy(update={"first_epoch": segment.first_epoch}):
            return list(segments)
    return [*segments, segment]
