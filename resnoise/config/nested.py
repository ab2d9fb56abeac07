"""Nested settings, such as a recipe: one text for equal ones, and where two differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

ABSENT = "default"
"""Stands for a value that one side does not name."""


def differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between nested values: dotted names to the pair (expected, got).

    A value that only one side names differs, and is `ABSENT` on the other.
    """
    ours, theirs = flat(expected), flat(got)
    return {
        name: (ours.get(name, ABSENT), theirs.get(name, ABSENT))
        for name in [*ours, *(name for name in theirs if name not in ours)]
        if (name in ours) != (name in theirs) or ours[name] != theirs[name]
    }


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values in one mapping, by dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping)
        found |= flat(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return found


def canonical(values: Mapping[str, Any]) -> str:
    """Equal for equal values, and different for different ones."""
    return json.dumps(values, sort_keys=True)


def sha256_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()
