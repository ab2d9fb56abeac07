"""Where draws fall among increasing probabilities."""

from __future__ import annotations

import torch
from torch import Tensor


# An operation of its own, so that `torch.compile` leaves it to torch: the compiler's own kernel for
# it on CUDA fails in some graphs and is off by one in others (PyTorch issues 148764 and 182343).
@torch.library.custom_op("resnoise::search", mutates_args=())
def search(increasing: Tensor, values: Tensor) -> Tensor:
    """How many elements of `increasing`, shape `[B]`, are at most each of `values`, any shape.

    Returns:
        int64 tensor of the shape of `values`.

    Examples:
        >>> search(torch.tensor([0.25, 1.0]), torch.tensor([0.0, 0.25, 0.5]))
        tensor([0, 1, 1])
    """
    return torch.searchsorted(increasing, values, right=True)


@search.register_fake
def _(increasing: Tensor, values: Tensor) -> Tensor:
    return torch.empty_like(values, dtype=torch.int64, memory_format=torch.contiguous_format)
