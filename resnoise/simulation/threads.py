"""Portions of a simulation side by side, one thread a core.

PyTorch spreads every operation over the cores, but a portion is small: by the time the second core
has its half of one neuron update, the first could have done both. Cores that simulate different
images need no handing over.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from resnoise.simulation.composition import Composition, hooks_of, tensors_of
from resnoise.simulation.network import SpikingNetwork

Simulate = Callable[[SpikingNetwork, Tensor], Tensor]


def simulate_parts(
    network: SpikingNetwork, parts: Sequence[Tensor], simulate: Simulate
) -> list[Tensor]:
    """Simulate each part, on as many threads as PyTorch has, with one core for each.

    A network that is observed through hooks is run part after part, because hooks may count on
    order, unless all are marked `any_thread`.

    Args:
        network: what is simulated; threads get copies of it that share its weights.
        parts: images, tensors of shape `[n, C, H, W]`.
        simulate: from a network and images to logits.

    Returns:
        The results, in the order of `parts`.
    """
    threads = min(torch.get_num_threads(), len(parts))
    if threads == 1 or _is_observed(network):
        return [simulate(network, part) for part in parts]
    idle = [network, *_replicas(network, threads - 1)]
    inference = torch.is_inference_mode_enabled()
    autocast = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def work(part: Tensor) -> Tensor:
        replica = idle.pop()
        try:
            with torch.inference_mode(inference), torch.autocast("cpu", autocast[1], autocast[0]):
                return simulate(replica, part)
        finally:
            idle.append(replica)

    return list(_pool(threads).map(work, parts))


def any_thread(hook: Callable) -> Callable:
    """Mark a hook that may be called by several threads at the same time."""
    hook.any_thread = True
    return hook


def _is_observed(network: SpikingNetwork) -> bool:
    return not all(getattr(hook, "any_thread", False) for hook in hooks_of(network))


def _replicas(network: SpikingNetwork, count: int) -> list[SpikingNetwork]:
    """Copies with modules of their own, since a library's neurons may keep state in theirs."""
    if hooks_of(network):
        # Not kept: hooks may lead back to the network, which would then keep itself alive.
        return [_replica(network) for _ in range(count)]
    known = _MADE.get(network)
    if known is None or not known.of.is_of(network):
        known = _MADE[network] = _Made(Composition(network), [])
    while len(known.replicas) < count:
        known.replicas.append(_replica(network))
    return known.replicas[:count]


def _replica(network: SpikingNetwork) -> SpikingNetwork:
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors_of(network)})


class _Made(NamedTuple):
    """Copies of a network, and what that was made of when they were made."""

    of: Composition
    replicas: list[SpikingNetwork]


# Copying takes as long as one step of some images, so copies are kept while what they are made of
# is still what the network is made of.
_MADE: weakref.WeakKeyDictionary[SpikingNetwork, _Made] = weakref.WeakKeyDictionary()


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads whose operations each stay on one core."""
    before = torch.get_num_threads()
    started = threading.Barrier(threads + 1)
    pool = ThreadPoolExecutor(threads, "simulate", torch.set_num_threads, (1,))
    for _ in range(threads):
        pool.submit(started.wait)
    started.wait()
    # A thread's setting is also what threads made later start from; those are not ours.
    torch.set_num_threads(before)
    return pool
