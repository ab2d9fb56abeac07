"""From the tensors of a checkpoint into a network or an optimiser, if they can be what it had.

A right hash says that a file is as it was written, not that training can have written it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from resnoise.errors import CheckpointError
from resnoise.training.checkpoint import MOMENTUM

_NEVER_NEGATIVE = ("sigma", "running_var", "num_batches_tracked", "error_counts")
"""Last parts of the names of buffers that measure a size or count something."""


def load_state_(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load the weights of a checkpoint into a network, all of them or none.

    The optimiser's tensors, which may be among `tensors`, are left out.

    Raises:
        CheckpointError: names, shapes or types do not fit, as those of another architecture, or a
            value is none that training leaves: not finite, or negative where it is a size.
    """
    weights = {name: t for name, t in tensors.items() if not name.startswith(MOMENTUM)}
    _require_fit(network.state_dict(), weights, path)
    network.load_state_dict(weights)


def load_momenta_(
    optimiser: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor], path: Path
) -> None:
    """Give an optimiser the momenta that a checkpoint has of the parameters of a network.

    Raises:
        CheckpointError: as `load_state_`.
    """
    parameters = dict(network.named_parameters())
    momenta = {n.removeprefix(MOMENTUM): t for n, t in tensors.items() if n.startswith(MOMENTUM)}
    _require_fit({name: parameters.get(name) for name in momenta}, momenta, path)
    for name, momentum in momenta.items():
        # In the parameter's own memory layout, as the optimiser would have made it.
        buffer = torch.empty_like(parameters[name], requires_grad=False).copy_(momentum)
        optimiser.state[parameters[name]]["momentum_buffer"] = buffer


def _require_fit(
    expected: Mapping[str, Tensor | None], got: Mapping[str, Tensor], path: Path
) -> None:
    for name in sorted(expected | got):
        wanted, found = expected.get(name), got.get(name)
        if _kind(wanted) != _kind(found):
            raise CheckpointError(
                f"{path} is of another architecture: expected `{name}` of shape "
                f"{_kind(wanted)}, but got {_kind(found)}"
            )
        if not found.isfinite().all():
            raise CheckpointError(
                f"{path} is edited: `{name}` is not finite; train again or restore the file"
            )
        if name.rpartition(".")[2] in _NEVER_NEGATIVE and (found < 0).any():
            raise CheckpointError(
                f"{path} is edited: `{name}` is negative; train again or restore the file"
            )


def _kind(tensor: Tensor | None) -> str:
    if tensor is None:
        return "none"
    return f"{tuple(tensor.shape)} in {str(tensor.dtype).removeprefix('torch.')}"
