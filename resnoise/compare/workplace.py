"""Where a comparison works, and with how much of the machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from resnoise.config import ExecutionConfig, require_positive_int


@dataclass(frozen=True)
class Workplace:
    """Where a comparison works.

    Args:
        out: records, tables and report.
        runs: checkpoints, kept for the next call.
        execution: how trainings and evaluations run.
        jobs: trainings at a time; evaluations, which are timed, always run alone.
    """

    out: Path
    runs: Path = Path("runs")
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    jobs: int = 1

    def __post_init__(self) -> None:
        require_positive_int("jobs", self.jobs)
