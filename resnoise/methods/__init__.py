"""Methods by name, found through the entry point group `resnoise.methods`.

The suite's own and those of other packages are declared the same way, one line each in
`pyproject.toml`; nothing in `resnoise` imports a baseline. A method that trains nothing serves more
names than its own, one for every method whose networks it can simulate.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from resnoise.errors import ConfigError
from resnoise.methods.method import Method, Training, Validation

__all__ = ["GROUP", "Method", "Training", "Validation", "get", "names", "reported_as"]

GROUP = "resnoise.methods"


def names() -> list[str]:
    """All installed methods."""
    return sorted(entry_points(group=GROUP).names)


def get(name: str) -> Method:
    """The method of this name, as declared or of one that trains nothing on another's networks.

    Raises:
        ConfigError: there is no such method.

    Examples:
        >>> get("nq").name
        'nq'
        >>> get("cos-nq-plus").trained.name  # COS on the networks of NQ-plus
        'nq-plus'
    """
    declared = entry_points(group=GROUP)
    for candidate in sorted(declared.names, key=len, reverse=True):
        if name == candidate or name.startswith(f"{candidate}-"):
            found = declared[candidate].load().named(name)
            if found is not None:
                return found
    raise ConfigError(
        f"unknown method {name!r}; known: {', '.join(names())}, and combinations such as cos-nq "
        "of what trains nothing with what trains"
    )


def reported_as(name: str) -> str:
    """The name that papers report a method under; of one that is not installed its own.

    Examples:
        >>> reported_as("srp-plus"), reported_as("of-another-package")
        ('srp', 'of-another-package')
    """
    try:
        return get(name).reported_as
    except ConfigError:
        return name
