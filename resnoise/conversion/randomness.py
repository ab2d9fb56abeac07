"""Random numbers that a model draws in `forward`, which a graph would freeze."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from resnoise.errors import PreparationError

_LIBRARY = tuple(f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__))

FROZEN = "the graph would repeat those of now; use nn.Dropout, or `eval()` the model first"


class NoRandomness(TorchFunctionMode):
    """Refuses torch's random numbers, and names the line that draws them."""

    def __torch_function__(
        self, function: Callable, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        before = torch.get_rng_state()
        result = function(*args, **(kwargs or {}))
        if not torch.equal(before, torch.get_rng_state()):
            raise PreparationError(
                "cannot carry over the random numbers that "
                f"`{getattr(function, '__name__', function)}` draws in forward, {line_of_model()}: "
                f"{FROZEN}"
            )
        return result


def random_states() -> tuple[Any, ...]:
    """Of torch, Python and NumPy."""
    with torch._C.DisableTorchFunction():
        return torch.get_rng_state(), random.getstate(), np.random.get_state()


def same_states(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether nothing was drawn between one `random_states` and the other."""
    with torch._C.DisableTorchFunction():
        same = torch.equal(one[0], other[0]) and one[1] == other[1]
    return same and one[2][2] == other[2][2] and np.array_equal(one[2][1], other[2][1])


def restore(states: tuple[Any, ...]) -> None:
    """Set the generators back to what `random_states` gave."""
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])


def line_of_model() -> str:
    """File and line of the model's code that is running."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_LIBRARY):
        frame = frame.f_back
    return "" if frame is None else f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
