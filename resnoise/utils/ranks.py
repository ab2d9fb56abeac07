"""Several processes that train one network together, as `torchrun` starts them.

Without such a group there is one process, of rank 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import distributed

from resnoise.errors import ConfigError, TrainingError

Share = TypeVar("Share")


def rank() -> int:
    """Which process of the group this is, from 0."""
    return distributed.get_rank() if _is_group() else 0


def world() -> int:
    """How many processes the group has."""
    return distributed.get_world_size() if _is_group() else 1


def gathered(share: Share) -> list[Share]:
    """What every process of the group calls this with, in the order of their ranks."""
    if world() == 1:
        return [share]
    shares: list[Any] = [None] * world()
    distributed.all_gather_object(shares, share)
    return shares


def together() -> None:
    """Wait until every process of the group is here."""
    if world() > 1:
        distributed.barrier()


def of_this_rank(generator: torch.Generator) -> torch.Generator:
    """A generator that is not yet used, moved on to a seed that no other process has."""
    return generator.manual_seed((generator.initial_seed() + rank()) % 2**63)


def local_rank() -> int | None:
    """Which process of this machine `torchrun` says this is; None without it."""
    given = os.environ.get("LOCAL_RANK")
    return None if given is None else int(given)


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Within the context, this process is one of the group that `torchrun` has started.

    Args:
        device: on which it computes, which decides how they talk: gloo, or NCCL between GPUs.

    Raises:
        ConfigError: the processes cannot reach each other.
        TrainingError: another one ended.
    """
    if local_rank() is None or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    try:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            "expected the processes of `torchrun` to reach each other, but got: "
            f"{_first_line(error)}"
        ) from error
    try:
        yield
    except RuntimeError as error:
        # What torch's collectives raise when one at the other end is gone.
        if isinstance(error, torch.OutOfMemoryError) or not _is_of_group(error):
            raise
        raise TrainingError(
            f"another process of this training ended ({_first_line(error)}); "
            "the same command resumes it"
        ) from error
    finally:
        distributed.destroy_process_group()


def _is_group() -> bool:
    return distributed.is_available() and distributed.is_initialized()


_SIGNS = ("connection closed by peer", "connection reset by peer", "gloo", "nccl", "timed out")


def _is_of_group(error: RuntimeError) -> bool:
    said = str(error).lower()
    return isinstance(error, distributed.DistError) or any(sign in said for sign in _SIGNS)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
