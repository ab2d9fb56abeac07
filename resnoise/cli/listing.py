"""What there is to choose from, each with the first line of what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from resnoise import backends, datasets, methods, models
from resnoise.cli.display import console


def print_listing() -> None:
    """Print methods, backends, architectures and data sets."""
    for title, found in (
        ("methods", _methods()),
        ("backends", ((name, backends.description(name)) for name in backends.names())),
        ("architectures", ((name, models.description(name)) for name in models.names())),
        ("data sets", ((name, _first_line(load)) for name, load in datasets.DATASETS.items())),
    ):
        console.print(title, style="bold", highlight=False)
        for name, description in found:
            console.print(f"  {name:<20}{description}", highlight=False, soft_wrap=True)


def _methods() -> Iterator[tuple[str, str]]:
    for name in methods.names():
        method = methods.get(name)
        yield name, f"{method.requirements.division}: {_first_line(type(method))}"


def _first_line(thing: object) -> str:
    """Of its own description, not of one that it inherits."""
    return (getattr(thing, "__doc__", None) or "").strip().partition("\n")[0]
