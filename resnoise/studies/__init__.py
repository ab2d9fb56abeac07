"""Questions asked of trainings and comparisons, one file and one verb each."""

from __future__ import annotations
