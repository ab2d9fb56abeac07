"""The studies: what a choice is worth, and where accuracy is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options, parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped
from resnoise.training.defaults import default_architecture
from resnoise.utils.threads import use_threads


@app.command(rich_help_panel=Panel.STUDIES)
@grouped
def ablate(
    *,
    out: Annotated[Path, typer.Option(help="folder for ablation.md and ablation.csv")],
    methods: Annotated[str, typer.Option(help="methods, commas between")] = "nq,qcfs",
    start: Annotated[
        str, typer.Option(help="method that the rows of start_from start from")
    ] = "qcfs",
    only: Annotated[
        str,
        typer.Option(help="make only these changes, such as activation.levels,nq:extensions.ramp"),
    ] = "",
    dataset: options.Dataset = "digits",
    architecture: Annotated[str | None, typer.Option(help="see `resnoise list`")] = None,
    timesteps: options.Timesteps = "1,2,4,8",
    seeds: Annotated[str, typer.Option(help="commas between")] = "0,1,2",
    place: options.DataPlace,
    changes: options.RecipeChanges,
    running: options.Running,
) -> None:
    """Train with one setting of the recipe changed at a time; report validation accuracy."""
    from resnoise import models
    from resnoise.cli.display import print_paths, print_recipes
    from resnoise.cli.progress import progress_bars
    from resnoise.studies.ablation import Ablation, variants
    from resnoise.studies.ablation import ablate as run_ablation

    architecture = architecture or default_architecture(dataset)
    models.require_known(architecture)
    recipes = {
        name: changes.recipe(name, dataset, [architecture]) for name in parsing.words(methods)
    }
    ablation = Ablation(
        data=place.options(dataset),
        architecture=architecture,
        variants=variants(recipes, start, parsing.words(only)),
        timesteps=parsing.integers(timesteps, "--timesteps"),
        seeds=parsing.integers(seeds, "--seeds"),
        runs=running.runs,
        execution=running.execution(),
    )
    if changes.show_recipe:
        print_recipes(recipes)
        return
    use_threads(running.threads, dataset)
    with progress_bars() as announce:
        written = run_ablation(ablation, out, announce)
    print_paths(written)


@app.command(rich_help_panel=Panel.STUDIES)
@grouped
def selection(
    *,
    trainings: Annotated[
        list[Path], typer.Argument(help="folders of trainings with --keep-epochs 1")
    ],
    out: Annotated[Path, typer.Option(help="folder for selection.md and selection.csv")],
    timesteps: options.Timesteps = "1,2,4",
    place: options.DataRoot,
    threads: options.Threads = None,
) -> None:
    """Show what choosing the epoch by test accuracy, as published code does, would report."""
    from resnoise.cli.display import print_paths
    from resnoise.cli.progress import progress_bars
    from resnoise.studies.selection import compare_choices

    use_threads(threads, "")
    steps = parsing.integers(timesteps, "--timesteps")
    with progress_bars() as announce:
        written = compare_choices(trainings, place.options(), steps, out, announce)
    print_paths(written)


@app.command(rich_help_panel=Panel.STUDIES)
@grouped
def decompose(
    *,
    checkpoints: Annotated[list[Path], typer.Argument(help="best.json of trainings")],
    out: Annotated[Path, typer.Option(help="folder for decomposition.md and decomposition.csv")],
    timesteps: options.Timesteps = "1,2,4,8",
    place: options.DataRoot,
    threads: options.Threads = None,
) -> None:
    """Split the accuracy that conversion loses into missing levels and uneven input."""
    from resnoise.cli.display import print_paths
    from resnoise.cli.progress import progress_bars
    from resnoise.studies.decomposition import compare_losses

    use_threads(threads, "")
    steps = parsing.integers(timesteps, "--timesteps")
    with progress_bars() as announce:
        written = compare_losses(checkpoints, place.options(), steps, out, announce)
    print_paths(written)


@app.command(rich_help_panel=Panel.STUDIES)
def contrast(
    before: Annotated[Path, typer.Argument(help="folder with the records of a comparison")],
    after: Annotated[Path, typer.Argument(help="folder with those of another")],
    out: Annotated[Path, typer.Option(help="folder for contrast.md and contrast.csv")],
) -> None:
    """Test two comparisons against each other, row by row: other recipes, or other commits."""
    from resnoise.cli.display import print_paths
    from resnoise.studies.contrast import contrast as hold_against

    print_paths(hold_against(before, after, out))
