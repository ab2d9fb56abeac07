"""Nested settings as one text, whatever the order of their names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical(values: Mapping[str, Any]) -> str:
    """Equal for equal values, and different for different ones."""
    return json.dumps(values, sort_keys=True)


def sha256_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()
