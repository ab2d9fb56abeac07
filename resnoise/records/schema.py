"""What all records have in common: how they are read, their version and the types of fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

SCHEMA_VERSION = 1

Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[FiniteFloat, Field(ge=0, le=1)]
NotNegative = Annotated[FiniteFloat, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def describe(error: ValidationError) -> str:
    """The first thing wrong, in one line: the field, what was expected, what was got."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    got = f" (got {str(first['input'])[:60]!r})" if place else ""
    return (f"field `{place}`: " if place else "") + message + got


class Schema(BaseModel):
    """Fields that are named, immutable, and of their own type: a number in quotes, or a field that
    nobody knows, is an edited file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
