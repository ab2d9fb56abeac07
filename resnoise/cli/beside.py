"""`resnoise beside`: other methods beside the rows of a comparison that was made before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options, parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped


@app.command(rich_help_panel=Panel.COMPARISONS)
@grouped
def beside(
    *,
    comparison: Annotated[Path, typer.Argument(help="folder with records.json")],
    methods: Annotated[str, typer.Option(help="methods to add, commas between")],
    out: Annotated[Path, typer.Option(help="folder for all records, tables and report")],
    reference: Annotated[
        str | None,
        typer.Option(help="whose recipe, T and seeds are taken; default: the comparison's own"),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="a setting of the recipe to change"),
    ] = None,
    timesteps: Annotated[
        str | None, typer.Option(help="time steps T; default: those of the reference")
    ] = None,
    backends: Annotated[str | None, typer.Option(help="default: those of the reference")] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(help="folder of checkpoints; default: beside that of the comparison"),
    ] = None,
    jobs: Annotated[int, typer.Option(help="networks trained and simulated at the same time")] = 1,
    place: options.DataPlace,
    running: options.Running,
) -> None:
    """Train and evaluate methods by the recipe of a comparison, beside its rows.

    The tables show both. The rows of the comparison are copied, and its networks are read from
    their checkpoints where there are any: nothing that was trained before is trained again.
    """
    from resnoise import methods as all_methods
    from resnoise.analysis.significance import Reference
    from resnoise.cli.findings import print_comparison
    from resnoise.cli.progress import progress_bars
    from resnoise.compare.beside import example_of, set_beside
    from resnoise.compare.plan import RunOptions
    from resnoise.compare.runner import compare
    from resnoise.report.comparisons import comparison_of
    from resnoise.report.published_tables import published_figures
    from resnoise.utils.threads import use_threads

    found = comparison_of(comparison)
    example = example_of(found, None if reference is None else Reference.parse(reference))
    changes = dict(map(parsing.assignment, set or ()))
    plan = example.plan(parsing.words(methods), place.options(), changes)
    if timesteps is not None:
        plan = replace(plan, timesteps=parsing.integers(timesteps, "--timesteps"))
    if backends is not None:
        plan = replace(plan, backends=parsing.words(backends))
    use_threads(running.threads, example.dataset)
    run_options = RunOptions(
        out,
        running.runs,
        running.execution(),
        jobs,
        checkpoints or comparison.resolve().parents[1] / "checkpoints",
    )
    set_beside(found, out)
    with progress_bars() as announce:
        made = compare(
            plan,
            run_options,
            reference=example.reference,
            published=published_figures(all_methods.reported_as),
            announce=announce,
        )
    print_comparison(made.report, example.dataset, out)
