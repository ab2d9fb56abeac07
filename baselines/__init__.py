"""Baselines of the comparison, each on the protocols of `resnoise` and in one file."""

from __future__ import annotations
