"""Methods by name, found through the entry point group `resnoise.methods`.

The suite's own and those of other packages are declared the same way, one line each in
`pyproject.toml`; nothing in `resnoise` imports a baseline.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from resnoise.errors import ConfigError
from resnoise.methods.method import Method, Training, Validation

__all__ = ["GROUP", "Method", "Training", "Validation", "get", "names"]

GROUP = "resnoise.methods"


def names() -> list[str]:
    """All installed methods."""
    return sorted(entry_points(group=GROUP).names)


def get(name: str) -> Method:
    """The method of this name.

    Raises:
        ConfigError: there is no such method.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise ConfigError(f"unknown method {name!r}; known: {', '.join(names())}")
    return next(iter(found)).load().named(name)
