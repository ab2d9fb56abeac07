"""What a result depends on apart from the recipe: code, versions, machine."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch

from resnoise.records.record import Record
from resnoise.records.training_record import Session

# The checkout that the code is in, not the one that the user stands in; and what setup.py wrote.
_ROOT = Path(__file__).resolve().parents[2]
_BUILT = _ROOT / "resnoise" / "built.json"


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
    commit, dirty = _commit()
    return Provenance(
        git_commit=commit,
        git_dirty=dirty,
        resnoise_version=version("resnoise"),
        torch_version=torch.__version__,
        python_version=platform.python_version(),
        machine=_processor(),
    )


def _commit() -> tuple[str, bool]:
    """The commit of the running code, and whether files differ from it."""
    if (_ROOT / ".git").exists():
        changes = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "HEAD"), bool(changes)
    try:
        built = json.loads(_BUILT.read_text("utf-8"))
    except (OSError, ValueError):
        return "", False
    return built["commit"], built["dirty"]


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


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
    return (made.git_commit[:12] or "unknown") + (" (dirty)" if made.git_dirty else "")
