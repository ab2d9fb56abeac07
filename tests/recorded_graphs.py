"""CUDA graphs on a CPU: what is captured is noted down operation by operation, and done again.

As a graph does it: with the tensors of the capture, whatever Python would do by now.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnoise.utils import device as devices
from resnoise.utils import replay


class RecordedGraph(TorchDispatchMode):
    """Stands for `torch.cuda.CUDAGraph`, and for the context of `torch.cuda.graph`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = []
        self.replays = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        self.calls.append((function, args, kwargs, result))
        return result

    def replay(self) -> None:
        self.replays += 1
        for function, args, kwargs, result in self.calls:
            again = function(*args, **kwargs)
            for new, fixed in zip(tree_leaves(again), tree_leaves(result), strict=True):
                if isinstance(new, Tensor) and new.data_ptr() != fixed.data_ptr():
                    fixed.copy_(new)


@pytest.fixture
def graphs(monkeypatch) -> list[RecordedGraph]:
    """All graphs that were captured; every device is an accelerator that has them."""
    made = []

    def new() -> RecordedGraph:
        made.append(RecordedGraph())
        return made[-1]

    @contextlib.contextmanager
    def capture(graph: RecordedGraph, pool: object, stream: object) -> Iterator[None]:
        with graph:
            yield

    monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
    monkeypatch.setattr(devices, "has_graphs", lambda device: True)
    monkeypatch.setattr(replay, "warm_up", lambda function: function())
    monkeypatch.setattr(replay, "capture_stream", lambda device: None)
    monkeypatch.setattr(replay, "same_stream_afterwards", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", new)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", object)
    return made
