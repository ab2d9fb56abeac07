"""Prints the lowest version of every direct requirement: `python constraints/lowest.py > FILE`.

What continuous integration installs once, so that the bounds in `pyproject.toml` stay true.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
EXTRAS = ("norse", "snntorch", "vision", "export")
_BOUND = re.compile(r"^([\w.-]+)>=([\w.]+)$")


def lowest(project: dict) -> list[str]:
    """`name==version` of what a table `[project]` asks for, by its lower bounds.

    Raises:
        ValueError: a requirement has no lower bound, or something else besides.
    """
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for extra in EXTRAS for one in extras[extra])]
    found = []
    for requirement in sorted(wanted):
        match = _BOUND.match(requirement)
        if match is None:
            raise ValueError(f"expected NAME>=VERSION in pyproject.toml, but got {requirement!r}")
        found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    print("\n".join(lowest(tomllib.loads(PYPROJECT.read_text("utf-8"))["project"])))
