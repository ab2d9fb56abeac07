"""What modules are called with, and what they return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

Kept = TypeVar("Kept")


class Call(NamedTuple):
    """The last call of a module."""

    inputs: tuple[Any, ...]
    output: Any


def recorded_calls(modules: Mapping[str, nn.Module]) -> AbstractContextManager[dict[str, Call]]:
    """Within the context, the last call of each of `modules`, by its name.

    Examples:
        >>> import torch
        >>> double = nn.Upsample(scale_factor=2)
        >>> with recorded_calls({"double": double}) as calls:
        ...     _ = double(torch.ones(1, 1, 3))
        >>> calls["double"].inputs[0].shape, calls["double"].output.shape
        (torch.Size([1, 1, 3]), torch.Size([1, 1, 6]))
    """
    return _recorded(modules, Call)


def recorded_outputs(modules: Mapping[str, nn.Module]) -> AbstractContextManager[dict[str, Tensor]]:
    """The same, but what they returned alone: inputs are not held in memory."""
    return _recorded(modules, lambda inputs, output: output)


@contextmanager
def _recorded(
    modules: Mapping[str, nn.Module], kept_of: Callable[[tuple[Any, ...], Any], Kept]
) -> Iterator[dict[str, Kept]]:
    kept: dict[str, Kept] = {}

    def keep(name: str):
        return lambda module, inputs, output: kept.__setitem__(name, kept_of(inputs, output))

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
