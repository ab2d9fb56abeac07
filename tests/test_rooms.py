"""The order of the rooms: a file imports from its own room and from those below it alone.

The order is that of CONTRIBUTING.md. Imports inside functions count too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = [
    *("errors", "config", "utils", "noise", "simulation", "backends", "conversion", "metrics"),
    *("models", "datasets", "records", "methods", "training", "networks"),
    *("export", "evaluation", "analysis", "report"),
    *("doctor", "compare", "studies", "check", "index", "cli"),
]
# What a room may not import though it stands below.
APART = {
    "analysis": set(ROOMS) - {"errors", "config", "utils", "metrics", "records", "analysis"},
    "report": set(ROOMS) - {"errors", "config", "utils", "records", "analysis", "report"},
    "models": set(ROOMS) - {"errors", "config", "utils", "models"},
    "datasets": set(ROOMS) - {"errors", "config", "utils", "datasets"},
    "records": set(ROOMS) - {"errors", "config", "utils", "records"},
    "training": {"metrics"},
    "studies": {"compare"},
    "check": {"compare", "studies"},
    "index": {"compare", "studies", "check"},
}
FILES = sorted((ROOT / "resnoise").glob("*/**/*.py"))
MODULES = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in FILES}


def room_of(module: str) -> str:
    return module.split(".")[1]


def imports(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports, each as `resnoise.room` or longer."""
    import resnoise

    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("resnoise."))
        elif isinstance(node, ast.ImportFrom) and node.module == "resnoise":
            for alias in node.names:
                home = resnoise._HOMES.get(alias.name, alias.name)
                yield f"resnoise.{home}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resnoise."):
            yield node.module


def test_every_folder_is_a_room():
    assert {path.relative_to(ROOT / "resnoise").parts[0] for path in FILES} <= set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_from_below(path):
    room = path.relative_to(ROOT / "resnoise").parts[0]
    for module in imports(path):
        other = room_of(module)
        if other == room:
            continue
        assert other in ROOMS, f"{module} is in no room"
        assert ROOMS.index(other) < ROOMS.index(room), f"{room} is below {other}"
        assert other not in APART.get(room, ()), f"{room} is not to know of {other}"


def test_no_circle_of_files():
    """Within a room too, by the modules that are imported when a file is."""
    arrows = {}
    for path in FILES:
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        tree = ast.parse(path.read_text("utf-8"))
        found = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("resnoise."):
                found.add(node.module)
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        arrows[name] = found & MODULES
    while leaves := [name for name, to in arrows.items() if not to & set(arrows)]:
        for name in leaves:
            del arrows[name]
    assert not arrows
