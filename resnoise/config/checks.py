"""Checks of arguments, each an error of one line that says what was expected and what was got."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from numbers import Integral, Real

from resnoise.errors import ConfigError

_LONGEST = 200

MOST = 2**31 - 1
"""Largest integer of a setting: sizes of tensors multiply it, in 64 bits."""
MOST_TIMESTEPS = 2**16
"""Of a simulation: hundreds of times more than any table has."""
LARGEST = 3e38
"""Largest number of a setting, which float32 has."""


def require_positive_int(name: str, value: object, *, at_most: int = MOST) -> None:
    """Raise `ConfigError` unless `value` is an integer larger than 0 and within the bound."""
    # NumPy's integers are `Integral`, its booleans are not.
    if not isinstance(value, Integral) or isinstance(value, bool) or not 1 <= value <= at_most:
        too_large = isinstance(value, Integral) and value > at_most
        bound = f" and at most {at_most}" if too_large else ""
        raise ConfigError(
            f"expected argument `{name}` to be an integer larger than 0{bound}, but got "
            f"{shown(value)}"
        )


def require_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_most: float = LARGEST,
    below: float = inf,
) -> None:
    """Raise `ConfigError` unless `value` is finite, not negative and within the bounds given."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    inside = number and -inf < value <= at_most and value < below
    if not inside or (value < 0 if above is None else value <= above):
        bound = "not negative" if above is None else f"larger than {above:g}"
        if at_most < LARGEST or (number and LARGEST < value < inf):
            bound += f" and at most {at_most:g}"
        if below < inf:
            bound += f" and smaller than {below:g}"
        raise ConfigError(
            f"expected argument `{name}` to be a number {bound}, but got {shown(value)}"
        )


def shown(value: object) -> str:
    """`value` as Python writes it, where that is of a readable length."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integers of thousands of digits
        return "an integer of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def require_negative(name: str, value: object) -> None:
    """Raise `ConfigError` unless `value` is a finite number smaller than 0."""
    number = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
    if not number or value >= 0:
        raise ConfigError(
            f"expected argument `{name}` to be a number smaller than 0, but got {shown(value)}"
        )


def require_distinct(name: str, values: Sequence[object]) -> None:
    """Raise `ConfigError` unless `values` are one or more, all different."""
    if not values or len(set(values)) < len(values):
        raise ConfigError(
            f"expected `{name}` to hold one or more, each once, but got {list(values)}"
        )


def require_timesteps(name: str, values: Sequence[int]) -> None:
    """Raise `ConfigError` unless `values` are one or more different integers larger than 0."""
    if not values:
        raise ConfigError(f"expected argument `{name}` to hold at least one T, but got none")
    for value in values:
        require_positive_int(name, value, at_most=MOST_TIMESTEPS)
    if len(set(values)) < len(values):
        raise ConfigError(
            f"expected argument `{name}` to hold each number once, but got {list(values)}"
        )
