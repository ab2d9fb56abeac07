"""A comparison: train, convert and evaluate a whole plan, and report it."""

from __future__ import annotations

from resnoise.compare.plan import RunOptions
from resnoise.compare.runner import Comparison, compare

__all__ = ["Comparison", "RunOptions", "compare"]
