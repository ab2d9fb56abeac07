"""What modules are called with, and what they return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import nn


class Call(NamedTuple):
    """The last call of a module."""

    inputs: tuple[Any, ...]
    output: Any


@contextmanager
def recorded_calls(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Call]]:
    """Within the context, the last call of each of `modules`, by its name.

    Examples:
        >>> import torch
        >>> double = nn.Upsample(scale_factor=2)
        >>> with recorded_calls({"double": double}) as calls:
        ...     _ = double(torch.ones(1, 1, 3))
        >>> calls["double"].inputs[0].shape, calls["double"].output.shape
        (torch.Size([1, 1, 3]), torch.Size([1, 1, 6]))
    """
    calls: dict[str, Call] = {}

    def keep(name: str):
        return lambda module, inputs, output: calls.__setitem__(name, Call(inputs, output))

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
