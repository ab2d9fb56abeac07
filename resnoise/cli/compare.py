"""`resnoise compare` and `resnoise report`: methods against each other, and their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options, parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped
from resnoise.training.defaults import default_architecture, default_seeds
from resnoise.utils.threads import use_threads


@app.command(rich_help_panel=Panel.COMPARISONS)
@grouped
def compare(
    *,
    out: Annotated[Path, typer.Option(help="folder for records, tables and report")],
    dataset: options.Dataset = "digits",
    methods: Annotated[
        str | None, typer.Option(help="commas between; default: all installed")
    ] = None,
    backends: Annotated[
        str | None, typer.Option(help="commas between; default: all installed")
    ] = None,
    architectures: Annotated[str | None, typer.Option(help="see `resnoise list`")] = None,
    timesteps: options.Timesteps = options.DEFAULT_TIMESTEPS,
    seeds: Annotated[str | None, typer.Option(help="for digits: folds, default 0,1,2,3,4")] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="method that the others are tested against, METHOD:L one row of it; default: nq, "
            "or the first method where nq is not compared"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="networks trained and simulated at the same time")] = 1,
    executor: Annotated[
        str, typer.Option(help="local: this machine; slurm: one job per network")
    ] = "local",
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="setting of submitit, such as timeout_min=120 or slurm_partition=gpu",
        ),
    ] = None,
    place: options.DataPlace,
    changes: options.RecipeChanges,
    running: options.Running,
) -> None:
    """Train, convert, evaluate and compare; a second call resumes the comparison."""
    from resnoise import backends as all_backends
    from resnoise import methods as all_methods
    from resnoise.analysis.significance import Reference
    from resnoise.cli.display import console, print_recipes
    from resnoise.cli.findings import print_comparison
    from resnoise.cli.progress import progress_bars
    from resnoise.compare.executors import Cluster
    from resnoise.compare.plan import Plan, RunOptions
    from resnoise.compare.runner import compare as run_comparison
    from resnoise.report.published_tables import published_figures

    steps = parsing.integers(timesteps, "--timesteps")
    simulators = all_backends.available() if backends is None else parsing.words(backends)
    networks = parsing.words(architectures or default_architecture(dataset))
    chosen = all_methods.names() if methods is None else parsing.words(methods)
    if methods is None:
        for name in all_methods.names():
            if not any(all_methods.get(name).trainings(one, steps) for one in simulators):
                chosen.remove(name)
                console.print(f"method {name} is left out: it has no network for T = {timesteps}")
    tested_against = None if reference is None else Reference.parse(reference)
    if tested_against is not None:
        all_methods.get(tested_against.method)  # a name that there is not costs no training
    for name, hint in all_backends.missing().items():
        if backends is None:
            console.print(f"backend {name} is left out, it is not installed: {hint}")
    grid = Plan(
        data=place.options(dataset),
        recipes={method: changes.recipe(method, dataset, networks) for method in chosen},
        backends=tuple(simulators),
        architectures=networks,
        timesteps=steps,
        seeds=parsing.integers(seeds or default_seeds(dataset), "--seeds"),
    )
    if changes.show_recipe:
        print_recipes(grid.recipes)
        return
    run_options = RunOptions(
        out,
        running.runs,
        running.execution(),
        jobs,
        cluster=Cluster.named(executor, out / "jobs", slurm or ()),
        threads=use_threads(running.threads, dataset),
    )
    with progress_bars() as announce:
        found = run_comparison(
            grid,
            run_options,
            reference=tested_against,
            published=published_figures(all_methods.reported_as),
            announce=announce,
        )
    print_comparison(found.report, dataset, out)


@app.command(rich_help_panel=Panel.COMPARISONS)
def report(
    directory: Annotated[Path, typer.Argument(help="folder with records.json")],
    reference: Annotated[
        str | None,
        typer.Option(
            help="method that the others are tested against, METHOD:L one row of it; default: "
            "that of references.csv beside the folder, or as for compare"
        ),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="only this data set")] = None,
    out: Annotated[Path | None, typer.Option(help="folder to write to; default: the same")] = None,
) -> None:
    """Write the tables, figures and page of a comparison from its records.

    Tables are Markdown, CSV and LaTeX, the page is HTML.
    """
    from resnoise import methods
    from resnoise.analysis.significance import Reference
    from resnoise.cli.display import print_paths
    from resnoise.report.comparisons import comparison_of
    from resnoise.report.published_tables import published_figures
    from resnoise.report.writer import write_report

    tested_against = (
        comparison_of(directory).reference if reference is None else Reference.parse(reference)
    )
    written = write_report(
        directory,
        out=out,
        reference=tested_against,
        published=published_figures(methods.reported_as),
        dataset=dataset,
        tested=True,  # tables without a test would take the place of those that have them
    )
    print_paths(written)
