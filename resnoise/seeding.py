"""One seed a run, and from it an independent generator for every use and every epoch.

A run that resumes makes the generators of the next epoch anew, so no generator state is stored.
"""

from __future__ import annotations

import zlib

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
