"""Random bits for tensors on the CPU, faster than torch's sequential Mersenne twister.

The generator is NumPy's SFC64, which passes PractRand and BigCrush.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_SEEDS = 2**63 - 1
# Elements at a time: few enough that bits and draws stay in the cache.
CHUNK = 2**18
VALUES = 2**16
_DRAWS_PER_WORD = 4


def draw_seed(generator: torch.Generator | None = None) -> Tensor:
    """A seed, int64 tensor of shape `()`; without a generator, from torch's default one."""
    return torch.randint(_SEEDS, (), generator=generator)


def generator_on(device: torch.device, seed: Tensor) -> torch.Generator:
    """For devices whose own generator is fast enough, one that starts from a seed."""
    return torch.Generator(device).manual_seed(_integer(seed))


def slices() -> Tensor:
    """Midpoints of `VALUES` equal slices of probability, float64 tensor of shape `[VALUES]`."""
    return (torch.arange(VALUES, dtype=torch.float64) + 0.5) / VALUES


def _integer(seed: Tensor) -> int:
    """A seed without a sign: what follows the largest int64 is the smallest."""
    return int(seed.item()) & _SEEDS


def in_memory_order(dense: Tensor) -> Tensor:
    """All elements as they lie in memory: draws are exchangeable, so any order will do."""
    return dense.as_strided((dense.numel(),), (1,))


class Bits:
    """A stream of random bits.

    Args:
        seed: decides the stream, int64 tensor of shape `()` on the CPU; streams of different seeds,
            also of consecutive ones, are independent.
    """

    def __init__(self, seed: Tensor) -> None:
        self._generator = np.random.Generator(np.random.SFC64(_integer(seed)))

    def draw(self, count: int) -> Tensor:
        """Uniform draws from 0 to `VALUES` - 1, int32 tensor of shape `[count]`."""
        words = -(-count // _DRAWS_PER_WORD)
        drawn = self._generator.integers(0, 2**64 - 1, size=words, dtype=np.uint64, endpoint=True)
        return torch.from_numpy(drawn.view(np.uint16))[:count].to(torch.int32)
