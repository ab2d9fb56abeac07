"""`resnoise index` and `resnoise verify`: all comparisons on one page, and whether they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped

Checkpoints = Annotated[
    Path | None, typer.Option(help="folder of checkpoints; default: beside that of the tables")
]


@app.command(rich_help_panel=Panel.COMPARISONS)
def index(
    tables: Annotated[Path, typer.Argument(help="folder of comparisons")],
    out: Annotated[Path, typer.Option(help="folder for the page and what it links to")],
    checkpoints: Checkpoints = None,
    docs: Annotated[
        str, typer.Option(help="address of the documentation, to link to from the page")
    ] = "",
) -> None:
    """Write one page over all comparisons, and their tables, recipes and weights."""
    from resnoise.cli.display import print_paths
    from resnoise.cli.progress import progress_bars
    from resnoise.index.page import write_index

    with progress_bars() as announce:
        progress = announce(f"index of {tables}")
        page = write_index(tables, out, checkpoints=checkpoints, docs=docs, progress=progress)
    print_paths([page])


@app.command(rich_help_panel=Panel.COMPARISONS)
@grouped
def verify(
    *,
    directory: Annotated[Path, typer.Argument(help="folder with records.json, or of such folders")],
    checkpoints: Checkpoints = None,
    evaluate: Annotated[
        bool,
        typer.Option("--evaluate/--no-evaluate", help="evaluate one row of each comparison again"),
    ] = True,
    method: Annotated[str | None, typer.Option(help="method of the row to evaluate")] = None,
    levels: Annotated[int | None, typer.Option(help="L of the row to evaluate")] = None,
    backend: Annotated[str | None, typer.Option(help="backend of the row to evaluate")] = None,
    timesteps: Annotated[int | None, typer.Option(help="T of the row to evaluate")] = None,
    seed: Annotated[int | None, typer.Option(help="seed of the row to evaluate")] = None,
    place: options.DataRoot,
    threads: options.Threads = None,
) -> None:
    """Check the files of a comparison, and evaluate one of its rows again, image by image.

    Prints one line per problem; the exit status is 1 if there is any. The row is the cheapest that
    fits the options and whose weights are available.
    """
    from resnoise.cli.display import console
    from resnoise.cli.progress import progress_bars
    from resnoise.index.verification import RowChoice, verify_all
    from resnoise.utils.threads import use_threads

    use_threads(threads, "digits")
    choice = RowChoice(method, levels, backend, timesteps, seed) if evaluate else None
    with progress_bars() as announce:
        found = verify_all(directory, checkpoints, place.options(), choice, announce)
    for line in found.done:
        console.print(line, highlight=False, soft_wrap=True)
    for line in found.problems:
        console.print(f"problem: {line}", highlight=False, soft_wrap=True)
    if found.problems:
        raise typer.Exit(1)
