"""What a result depends on apart from the recipe: code, versions, machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch

from resnoise.records.built import commit_of_code, short
from resnoise.records.record import Record
from resnoise.records.training_record import Session


class Provenance(NamedTuple):
    """Fields of `resnoise.records.Record` that are the same for a whole process."""

    git_commit: str
    git_dirty: bool
    resnoise_version: str
    torch_version: str
    python_version: str
    machine: str


@cache
def provenance() -> Provenance:
    """Where the running code comes from and what it runs on.

    Read once for good: ask before long work, as a commit that is made during it is not its code.

    Outside a git checkout it is the commit that the package was built from, which is empty where
    that was built from none.
    """
    commit, dirty = commit_of_code()
    return Provenance(
        git_commit=commit,
        git_dirty=dirty,
        resnoise_version=version("resnoise"),
        torch_version=torch.__version__,
        python_version=platform.python_version(),
        machine=_processor(),
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commits(records: Iterable[Record]) -> list[str]:
    """The states of the code that evaluated, each once."""
    return list(dict.fromkeys(map(commit_of, records)))


def commit_of(made: Record | Provenance | Session) -> str:
    """A short name of the commit that something was made from."""
    return short(made.git_commit, made.git_dirty)
