"""Checks of arguments, each an error of one line that says what was expected and what was got."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from resnoise.errors import ConfigError


def require_positive_int(name: str, value: object) -> None:
    """Raise `ConfigError` unless `value` is an integer larger than 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(
            f"expected argument `{name}` to be an integer larger than 0, but got {value!r}"
        )


def require_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_most: float = inf,
    below: float = inf,
) -> None:
    """Raise `ConfigError` unless `value` is finite, not negative and within the bounds given."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    inside = number and value <= at_most and value < below
    if not inside or (value < 0 if above is None else value <= above):
        bound = "not negative" if above is None else f"larger than {above:g}"
        if at_most < inf:
            bound += f" and at most {at_most:g}"
        if below < inf:
            bound += f" and smaller than {below:g}"
        raise ConfigError(f"expected argument `{name}` to be a number {bound}, but got {value!r}")


def require_negative(name: str, value: object) -> None:
    """Raise `ConfigError` unless `value` is a finite number smaller than 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not number or value >= 0:
        raise ConfigError(
            f"expected argument `{name}` to be a number smaller than 0, but got {value!r}"
        )


def settle_number(config: object, name: str, **bounds: float) -> None:
    """Check a number of a frozen `config`, see `require_number`, and make it a float: 8 and 8.0 are
    to be one recipe, whose checkpoints are in one folder.
    """
    value = getattr(config, name)
    require_number(name, value, **bounds)
    object.__setattr__(config, name, float(value))


def require_distinct(name: str, values: Sequence[object]) -> None:
    """Raise `ConfigError` unless `values` are one or more, all different."""
    if not values or len(set(values)) < len(values):
        raise ConfigError(
            f"expected `{name}` to name each of one or more once, but got {list(values)}"
        )


def require_timesteps(name: str, values: Sequence[int]) -> None:
    """Raise `ConfigError` unless `values` are one or more different integers larger than 0."""
    if not values:
        raise ConfigError(f"expected argument `{name}` to name at least one number of time steps")
    for value in values:
        require_positive_int(name, value)
    if len(set(values)) < len(values):
        raise ConfigError(
            f"expected argument `{name}` to name each number once, but got {list(values)}"
        )
