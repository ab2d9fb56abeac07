"""A comparison: train, convert and evaluate a whole plan, and report it."""

from __future__ import annotations

from resnoise.compare.plan import RunOptions
from resnoise.compare.runner import compare

__all__ = ["RunOptions", "compare"]
