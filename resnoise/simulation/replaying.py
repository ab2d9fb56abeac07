"""Simulations as CUDA graphs.

A GPU is done with the small operations of a neuron before Python has launched the next ones. What
is simulated again, as batch after batch is, is captured the second time and replayed from then on,
with the same result bit for bit. Graphs end with their network.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from resnoise.simulation.composition import Composition, hooks_of
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.threads import Simulate
from resnoise.utils import device as devices
from resnoise.utils.replay import Replay

KEPT = 4
"""Kinds of simulation that are remembered of a network, those that were used last."""


class Replayable(ABC):
    """What is done with a portion of the images, in a form that a graph may stand for.

    Equal ones do the same, so that the graph of one serves the other: write it as a frozen
    dataclass. It looks at no value of a tensor, and keeps nothing.

    Examples:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class OneStep(Replayable):
        ...     def __call__(self, network, images):
        ...         return network(images, 1)[0]
        >>> OneStep() == OneStep()
        True
    """

    @abstractmethod
    def __call__(self, network: SpikingNetwork, images: Tensor) -> Tensor:
        """From images `[n, C, H, W]` to logits `[T, n, classes]`."""


def replayed(simulate: Simulate, network: SpikingNetwork, images: Tensor) -> Tensor:
    """`simulate(network, images)`, by a graph from the second time on.

    Called as it is, without a graph, where it is not `Replayable`, where hooks observe the network,
    under gradients, `without_graphs`, and on any stream but the device's own.

    Args:
        simulate: what is done.
        network: it is done with.
        images: tensor of shape `[n, C, H, W]`.

    Returns:
        What `simulate` returns, the caller's to keep.
    """
    if not (
        isinstance(simulate, Replayable)
        and _WANTED.get()
        and not torch.is_grad_enabled()
        and not hooks_of(network)
        and _on_own_stream(images.device)
    ):
        return simulate(network, images)
    # A graph has one memory; threads take turns.
    with _LOCK:
        replays = _REPLAYS.get(network)
        if replays is None or not replays.composition.is_of(network):
            replays = _REPLAYS[network] = _Replays(network)
        return replays(simulate, images)


@contextmanager
def without_graphs() -> Iterator[None]:
    """Within the context, every simulation launches its operations one by one."""
    token = _WANTED.set(False)
    try:
        yield
    finally:
        _WANTED.reset(token)


class _Replays:
    """What is replayed of one network, as it is made of at the time."""

    def __init__(self, network: SpikingNetwork) -> None:
        self.composition = Composition(network)
        # Else the network would keep itself alive.
        self._network = weakref.ref(network)
        # None stands for what was simulated once.
        self._known: OrderedDict[Hashable, Callable[[Tensor], Tensor] | None] = OrderedDict()
        self._pool = None

    def __call__(self, simulate: Replayable, images: Tensor) -> Tensor:
        kind = (simulate, *_circumstances(images))
        again = kind in self._known
        run = self._known.pop(kind, None)
        if again and run is None:
            run = self._replay_of(simulate, images)
        self._known[kind] = run
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        if run is None:
            return simulate(self._network(), images)
        # What a graph keeps is of inference; what the caller gets is as without one.
        with torch.inference_mode():
            logits = run(images)
        return logits.clone()

    def _replay_of(self, simulate: Replayable, images: Tensor) -> Callable[[Tensor], Tensor]:
        network = self._network

        def run(images: Tensor) -> Tensor:
            return simulate(network(), images)

        captured = devices.has_graphs(images.device)
        if captured and self._pool is None:
            # One for all: what a graph computes is copied before another runs in the same memory.
            self._pool = torch.cuda.graph_pool_handle()
        try:
            with torch.inference_mode():
                return Replay(run, [images], captured=captured, pool=self._pool)
        except torch.OutOfMemoryError:
            warnings.warn(
                f"expected memory for a CUDA graph of {len(images)} images, but there is too "
                "little; they are simulated without, slower",
                stacklevel=2,
            )
            return run


def _circumstances(images: Tensor) -> tuple[Hashable, ...]:
    """All that a graph depends on beside network and procedure."""
    device = images.device
    return (
        device,
        images.dtype,
        images.shape,
        images.stride(),
        torch.is_autocast_enabled(device.type),
        torch.get_autocast_dtype(device.type),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.are_deterministic_algorithms_enabled(),
    )


def _on_own_stream(device: torch.device) -> bool:
    """Whether work on a device is queued where it is by default; elsewhere others may capture."""
    if device.type != "cuda":
        return True
    return torch.cuda.current_stream(device) == torch.cuda.default_stream(device)


_LOCK = threading.RLock()
_WANTED = ContextVar("graphs are wanted", default=True)
_REPLAYS: weakref.WeakKeyDictionary[SpikingNetwork, _Replays] = weakref.WeakKeyDictionary()
