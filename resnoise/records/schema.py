"""What all records have in common: how they are read, their version and the types of fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from resnoise.utils.text import is_plain

SCHEMA_VERSION = 1

_LARGEST_INTEGER = 2**53  # up to which floats tell integers apart
_LARGEST_NUMBER = 1e30  # of operations, nanojoules or seconds; the square of more may overflow


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("expected text on one line, without control characters")
    return text


Text = Annotated[str, AfterValidator(_plain), Field(max_length=4096)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Place = Annotated[Text, Field(min_length=1)]
"""Name of a data set, which may have the path of a folder in it."""
Count = Annotated[int, Field(ge=0, le=_LARGEST_INTEGER)]
Positive = Annotated[int, Field(ge=1, le=_LARGEST_INTEGER)]
Fraction = Annotated[FiniteFloat, Field(ge=0, le=1)]
NotNegative = Annotated[FiniteFloat, Field(ge=0, le=_LARGEST_NUMBER)]
Number = Annotated[FiniteFloat, Field(ge=-_LARGEST_NUMBER, le=_LARGEST_NUMBER)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def describe(error: ValidationError) -> str:
    """The first thing wrong, in one line: the field, what was expected, what was got."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    got = f" (got {_shown(first['input'])!r})" if place else ""
    return (f"field `{place}`: " if place else "") + message + got


def _shown(value: object) -> str:
    try:
        return str(value)[:60]
    except ValueError:  # an integer of thousands of digits
        return "an endless integer"


class Schema(BaseModel):
    """Fields that are named, immutable, and of their own type: a number in quotes, or a field that
    nobody knows, is an edited file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
