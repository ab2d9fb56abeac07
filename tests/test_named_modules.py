"""Modules, functions and classes that a docstring, an error or a document names are there."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXTS = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "resnoise").glob("**/*.py"),
    *(ROOT / "baselines").glob("*.py"),
]
OF_OLD_COMMITS = {ROOT / "resnoise" / "check" / "public.py"}
ENTRY_POINTS = {"resnoise.methods", "resnoise.published"}
NAME = re.compile(r"\bresnoise(?:\.[A-Za-z_]\w*)+\b(?!/)")


def exists(name: str) -> bool:
    home, _, rest = name.partition(".")
    found = importlib.import_module(home)
    while rest:
        part, _, rest = rest.partition(".")
        try:
            found = getattr(found, part)
        except AttributeError:
            home = f"{found.__name__}.{part}"
            try:
                found = importlib.import_module(home)
            except ModuleNotFoundError:
                return False
    return True


def test_what_is_named_exists():
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in set(TEXTS) - OF_OLD_COMMITS
        for name in set(NAME.findall(path.read_text("utf-8"))) - ENTRY_POINTS
        if not exists(name)
    }
    assert missing == set()
