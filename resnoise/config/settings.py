"""Settings that check themselves when they are made: pydantic's checks, our errors.

A class of settings is a frozen dataclass. What each field may hold is its type; what an error says
of it is the description in that type.
"""

from __future__ import annotations

from functools import wraps
from numbers import Integral, Real
from typing import Annotated, Any, dataclass_transform

from pydantic import ConfigDict, Field, StringConstraints, ValidationError
from pydantic.dataclasses import dataclass

from resnoise.config.checks import LARGEST, MOST, shown
from resnoise.errors import ConfigError


def _number(description: str, **bounds: float) -> Any:
    bounds = {"le": LARGEST} | bounds
    return Field(allow_inf_nan=False, description=f"a number {description}", **bounds)


def integer(description: str = "an integer larger than 0", **bounds: int) -> Any:
    """The description and the bounds of a field that holds an integer."""
    return Field(description=description, **{"gt": 0, "le": MOST} | bounds)


PositiveInt = Annotated[int, integer()]
IntOrZero = Annotated[int, integer(gt=-1)]
"""An integer larger than 0; 0 stands for what another setting says."""
PositiveNumber = Annotated[float, _number("larger than 0", gt=0)]
NotNegativeNumber = Annotated[float, _number("not negative", ge=0)]
Share = Annotated[float, _number("not negative and at most 1", ge=0, le=1)]
PositiveShare = Annotated[float, _number("larger than 0 and at most 1", gt=0, le=1)]
ShareBelowOne = Annotated[float, _number("not negative and smaller than 1", ge=0, lt=1)]
Switch = Annotated[bool, Field(description="True or False")]
MethodName = Annotated[str, Field(description="the name of a method, or empty")]
Device = Annotated[
    str,
    StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$"),
    Field(description="auto, cpu, cuda or cuda:N"),
]


def one_of(*values: str) -> Any:
    """The description of a field that holds one of `values`."""
    return Field(description=f"one of {', '.join(values)}")


@dataclass_transform(frozen_default=True)
def settings(cls: type) -> type:
    """Make a class a frozen dataclass whose constructor raises `ConfigError` for what it refuses.

    Values are of the type that a field states: `True` is no number and `"4"` no integer. An integer
    where a number is expected becomes a float, so that 8 and 8.0 are one recipe; numbers of NumPy
    become Python's.
    """
    made = dataclass(frozen=True, config=ConfigDict(strict=True))(cls)
    construct = made.__init__

    @wraps(construct)
    def checked(self: object, *values: Any, **named: Any) -> None:
        try:
            construct(self, *map(_plain, values), **{k: _plain(v) for k, v in named.items()})
        except ValidationError as error:
            raise _told(made, error) from error

    made.__init__ = checked
    return made


def _plain(value: Any) -> Any:
    """A number of NumPy as Python's; anything else as it is."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _told(cls: type, error: ValidationError) -> ConfigError:
    """The first error in one line: what was expected of which argument, and what was got."""
    first = error.errors(include_url=False)[0]
    own = first.get("ctx", {}).get("error")
    if isinstance(own, ConfigError):  # of the class's own `__post_init__`
        return own
    name, fields = str(first["loc"][0]), cls.__pydantic_fields__
    if name not in fields:
        return ConfigError(f"unknown setting {name!r}; known: {', '.join(fields)}")
    expected, got = fields[name].description, first["input"]
    if first["type"] == "less_than_equal" and "at most" not in expected:
        expected += f" and at most {first['ctx']['le']}"
    return ConfigError(f"expected argument `{name}` to be {expected}, but got {shown(got)}")
