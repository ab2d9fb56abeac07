"""Time folded into the batch: layers between neurons see `[T·N, ...]`, time first."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn


def mean_over_time(folded: Tensor, timesteps: int) -> Tensor:
    """From `[T·N, ...]` to `[N, ...]`."""
    # Adding step to step is several times faster than `mean` along the first axis.
    return reduce(torch.add, folded.unflatten(0, (timesteps, -1))) / timesteps


class RepeatOverTime(nn.Module):
    """Repeats what does not change over time: `[N, ...]` to `[T·N, ...]`, time first.

    A module, not a function: a graph that is loaded again is traced anew, through functions but not
    through modules.
    """

    def forward(self, constant: Tensor, timesteps: int) -> Tensor:
        return constant.expand(timesteps, *constant.shape).flatten(0, 1)
