"""What all data that come back from a file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Fields that are named, immutable, and of their own type: a number in quotes, or a field that
    nobody knows, is an edited file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
