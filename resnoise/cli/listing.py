"""`resnoise list`: what there is to choose from, and the trained networks by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from resnoise.cli.application import Panel, app
from resnoise.errors import ConfigError


@app.command("list", rich_help_panel=Panel.NETWORKS)
def list_(
    what: Annotated[str, typer.Argument(help="networks: the trained ones, with accuracies")] = "",
) -> None:
    """List methods, backends, architectures and data sets, or the trained networks."""
    if what == "networks":
        _print_networks()
    elif what:
        raise ConfigError(f"expected `networks` or nothing, but got {what!r}")
    else:
        _print_choices()


def _print_choices() -> None:
    """Methods, backends, architectures and data sets, each with the first line of its docstring."""
    from resnoise import backends, datasets, models
    from resnoise.cli.display import console

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
    from resnoise import methods

    for name in methods.names():
        method = methods.get(name)
        yield name, f"{method.requirements.division}: {_first_line(type(method))}"


def _first_line(thing: object) -> str:
    """Of its own description, not of one that it inherits."""
    return (getattr(thing, "__doc__", None) or "").strip().partition("\n")[0]


def _print_networks() -> None:
    """The trained networks by name, with the accuracies of their tables."""
    import pandas as pd

    from resnoise.cli.display import print_table
    from resnoise.networks import networks

    found = networks()
    timesteps = sorted({t for network in found.values() for t in network.accuracy})
    rows = [
        {
            "name": name,
            "MiB": f"{network.bytes / 2**20:.1f}",
            "ANN": _percent(network.ann_accuracy),
            **{f"T={t}": _percent(network.accuracy.get(t)) for t in timesteps},
        }
        for name, network in found.items()
    ]
    print_table(pd.DataFrame(rows), "trained networks: accuracy in per cent on test images")


def _percent(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{100 * accuracy:.1f}"
