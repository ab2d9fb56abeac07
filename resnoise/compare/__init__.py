"""A comparison: train, convert and evaluate a whole grid, and report it."""

from resnoise.compare.comparison import compare
from resnoise.compare.workplace import Workplace

__all__ = ["Workplace", "compare"]
