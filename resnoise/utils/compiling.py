"""`torch.compile` as this package uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

Function = TypeVar("Function", bound=Callable)

RECOMPILATIONS = 256
"""Kernels of one function: one for each library, number of steps and kind of state. By default
PyTorch stops at 8, and calls the function uncompiled from then on."""


def compiled(function: Function, **options: Any) -> Function:
    """`torch.compile(function)`, which may compile it for more kinds of input than is usual."""
    from torch import _dynamo

    limit = "recompile_limit" if hasattr(_dynamo.config, "recompile_limit") else "cache_size_limit"
    setattr(_dynamo.config, limit, max(RECOMPILATIONS, getattr(_dynamo.config, limit)))
    return torch.compile(function, **options)
