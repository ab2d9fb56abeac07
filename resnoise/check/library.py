"""Another version of a library that a backend is built on, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import distributions, version
from importlib.util import find_spec
from pathlib import Path

from resnoise import backends
from resnoise.errors import CheckError

_TORCH = "torch"


def versions(folder: Path) -> dict[str, tuple[str, str]]:
    """Of each library in a folder, the version that is installed and the one in the folder.

    Args:
        folder: a checkout of a library, or what `pip install --no-deps --target` wrote.

    Raises:
        CheckError: it holds no such library, holds PyTorch as well, which cannot be there twice in
            a process, or one that is not installed here.
    """
    known = [library for library in backends.libraries().values() if library != _TORCH]
    found = [library for library in known if _is_in(folder, library)]
    if not found or _is_in(folder, _TORCH):
        raise CheckError(
            f"expected a folder with a package {' or '.join(known)} and without {_TORCH}, but got "
            f"{folder}; `pip install --no-deps --target FOLDER REQUIREMENT` makes one"
        )
    if missing := [library for library in found if find_spec(library) is None]:
        raise CheckError(
            f"expected {', '.join(missing)} to be installed, to compare with that in {folder}; "
            f"pip install {' '.join(missing)}"
        )
    return {library: (version(library), _version_in(folder, library)) for library in found}


def describe(folder: Path, found: Mapping[str, tuple[str, str]]) -> str:
    """What `versions` found, in words."""
    pairs = [f"{name} {old}, now {new}" for name, (old, new) in found.items()]
    return f"{'; '.join(pairs)} (of {folder})"


def _is_in(folder: Path, package: str) -> bool:
    return (folder / package / "__init__.py").is_file()


def _version_in(folder: Path, library: str) -> str:
    found = (item.version for item in distributions(name=library, path=[str(folder)]))
    return next(found, "of no stated version")
