"""One seed a run, and from it an independent generator for every use and every epoch.

A run that resumes makes the generators of the next epoch anew, so no generator state is stored.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator_for(seed: int, use: str, epoch: int = 0) -> torch.Generator:
    """A generator that depends on nothing but its arguments.

    Args:
        seed: of the run.
        use: what it is for, for example `"noise"`; different uses are independent.
        epoch: different epochs are independent.
    """
    entropy = [seed, zlib.crc32(use.encode()), epoch]
    state = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))


@contextmanager
def default_generator_seeded(seed: int) -> Iterator[None]:
    """Within the context, the CPU's default generator starts from `seed`; then it is as before.

    For what takes no generator of its own. `torch.manual_seed` would also reseed the accelerators,
    which nothing restores.
    """
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        yield
