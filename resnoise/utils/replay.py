"""A function of tensors as one CUDA graph: captured once, replayed with other inputs.

An accelerator is done with a small kernel before the next is launched from Python; a graph launches
all of them at once. What is captured may look at no value, and reads and writes the same memory at
every replay.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Generic, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")
Pool = tuple[int, int]

# What a compiler and cuDNN do at the first calls alone is not to be captured.
WARM_UP = 3


class Replay(Generic[Result]):
    """A function with inputs of fixed shapes, run from memory of its own.

    Args:
        function: from tensors to tensors, or to None; it may change others in place.
        inputs: what it is called with, for their shapes, types and layouts.
        captured: whether it runs as a CUDA graph; otherwise it is called at every replay.
        changes: tensors that `function` changes; preparing the graph, which runs the function,
            leaves them as they are.
        pool: memory that a graph shares with others, from `torch.cuda.graph_pool_handle`; the
            result of one is then to be read before another runs. None is memory of its own.

    Attributes:
        is_captured: whether there is a graph: not where `captured` is false, nor where the function
            cannot be captured, of which a warning tells.

    Examples:
        >>> total = torch.zeros(())
        >>> add = Replay(lambda x: total.add_(x.sum()), [torch.zeros(3)], captured=False)
        >>> add(torch.ones(3)), add(torch.ones(3))
        (tensor(6.), tensor(6.))
    """

    def __init__(
        self,
        function: Callable[..., Result],
        inputs: Sequence[Tensor],
        *,
        captured: bool,
        changes: Iterable[Tensor] = (),
        pool: Pool | None = None,
    ) -> None:
        self._function = function
        self._inputs = [x.clone(memory_format=torch.preserve_format) for x in inputs]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Result
        if captured:
            # What is captured and replayed is what a stream of the current device is given.
            self._device = inputs[0].device
            with torch.cuda.device(self._device):
                self._capture(list(changes), pool)

    @property
    def is_captured(self) -> bool:
        return self._graph is not None

    def __call__(self, *inputs: Tensor) -> Result:
        """Run with these inputs; a captured result is overwritten by the next call."""
        for fixed, given in zip(self._inputs, inputs, strict=True):
            fixed.copy_(given, non_blocking=True)
        if self._graph is None:
            return self._function(*self._inputs)
        with torch.cuda.device(self._device):
            self._graph.replay()
        return self._result

    def _capture(self, changes: list[Tensor], pool: Pool | None) -> None:
        with unchanged(changes):
            warm_up(lambda: self._function(*self._inputs))
        graph = torch.cuda.CUDAGraph()
        try:
            with (
                same_stream_afterwards(),
                torch.cuda.graph(graph, pool=pool, stream=capture_stream(self._device)),
            ):
                self._result = self._function(*self._inputs)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            reason = str(error).strip().split("\n")[0]
            warnings.warn(
                f"expected work that a CUDA graph can capture, but got: {reason}; it runs without, "
                "slower",
                stacklevel=3,
            )
            return
        self._graph = graph


@lru_cache
def capture_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream that a device's graphs are captured on: torch's own is of the first device used.

    One for all, since libraries keep a workspace for every stream.
    """
    return torch.cuda.Stream(device)


@contextmanager
def same_stream_afterwards() -> Iterator[None]:
    """Where a capture fails, torch stays on its stream."""
    before = torch.cuda.current_stream()
    try:
        yield
    finally:
        torch.cuda.set_stream(before)


def warm_up(function: Callable[[], object]) -> None:
    """Call a function as often as it takes before it can be captured, where it will be."""
    current = torch.cuda.current_stream()
    side = capture_stream(current.device)
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            function()
    current.wait_stream(side)
    torch.cuda.synchronize()


@contextmanager
def unchanged(tensors: Iterable[Tensor]) -> Iterator[None]:
    """Within the context tensors may be changed in place; afterwards they are as before."""
    tensors = list(tensors)
    before = [x.detach().clone() for x in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for x, earlier in zip(tensors, before, strict=True):
                x.copy_(earlier)
