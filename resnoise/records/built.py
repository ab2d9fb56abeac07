"""The commit of the running code: of its checkout, or the one that its package was built from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

# The checkout that the code is in, not the one that the user stands in; and what setup.py wrote.
_ROOT = Path(__file__).resolve().parents[2]
_BUILT = _ROOT / "resnoise" / "built.json"


def commit_of_code() -> tuple[str, bool]:
    """The commit, empty where it is not known, and whether files differ from it."""
    if (_ROOT / ".git").exists():
        changes = _git("status", "--porcelain", "--untracked-files=no")
        return _git("rev-parse", "HEAD"), bool(changes)
    try:
        built = json.loads(_BUILT.read_text("utf-8"))
    except (OSError, ValueError):
        return "", False
    return built["commit"], built["dirty"]


def short(commit: str, dirty: bool) -> str:
    """A short name of a commit.

    Examples:
        >>> short("0123456789abcdef", True)
        '0123456789ab (dirty)'
    """
    return (commit[:12] or "unknown") + (" (dirty)" if dirty else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
