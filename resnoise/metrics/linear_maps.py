"""How many inputs each output of a linear operation without weights is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from resnoise.conversion.operators import AVERAGE_CALLS, AVERAGE_POOLS

Call = Callable[[Mapping[Any, Any]], Any]


def counted(call: Call, name: str | None, module: nn.Module | None, values: Mapping) -> Any:
    """Put numbers through an affine operation as if it had no weights: all that is read adds up.

    Args:
        call: the operation, from its inputs by key to its output.
        name: of the operation, if it is a call, see `resnoise.conversion.operators.call_name`.
        module: the operation, if it is a module.
        values: its inputs; tensors of numbers are `[1, ...]`.

    Returns:
        Output of the operation, in which an average is a sum and the weights of an interpolation
        are 1. Where the windows of an average differ in size, all are as large as the centre's.
    """
    tensors = {key: x for key, x in values.items() if isinstance(x, Tensor)}
    if isinstance(module, nn.Upsample) or name == "interpolate":
        ((key, x),) = tensors.items()
        return _taps(lambda probe: call({**values, key: probe}), x)
    output = _without_offset(call, values)
    if isinstance(module, AVERAGE_POOLS) or name in (*AVERAGE_CALLS, "mean"):
        ((key, x),) = tensors.items()
        probe = torch.ones_like(x).requires_grad_()
        averaged = call({**values, key: probe})
        centre = averaged[tuple(size // 2 for size in averaged.shape)]
        (shares,) = torch.autograd.grad(centre, probe)
        return output / shares.max()  # an average over k inputs takes 1/k of each
    return output


def zeros_like(value: Any) -> Any:
    """Zeros for a tensor, or for each of several."""
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    return type(value)(map(zeros_like, value)) if isinstance(value, tuple | list) else value


def _without_offset(call: Call, values: Mapping) -> Any:
    """Of an affine operation, such as a pad of ones, what is linear."""
    output, offset = call(values), call({key: zeros_like(x) for key, x in values.items()})
    if isinstance(output, Tensor):
        return output - offset
    return type(output)(one - other for one, other in zip(output, offset, strict=True))


def _taps(interpolate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Interpolation with all its weights 1; it acts on each dimension after the other."""
    for dim in range(2, x.dim()):
        size = x.shape[dim]
        # One image for each place along the dimension, that place alone being 1.
        shape = [size, 1, *(1,) * (x.dim() - 2)]
        shape[dim] = size
        places = torch.eye(size, dtype=x.dtype, device=x.device).view(shape)
        probe = places.expand(size, 1, *x.shape[2:])
        weights = interpolate(probe)[:, 0]
        for _ in range(dim - 2):
            weights = weights[:, 0]
        weights = weights.flatten(2)[..., 0] if weights.dim() > 2 else weights
        read = (weights != 0).to(x.dtype)  # [inputs, outputs] along the dimension
        x = torch.tensordot(x, read, ([dim], [0])).movedim(-1, dim)
    return x
