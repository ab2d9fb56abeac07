"""`resnoise train`: the source network of a method."""

from __future__ import annotations

from typing import Annotated

import typer

from resnoise.cli import options, parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped
from resnoise.training.defaults import default_architecture
from resnoise.utils.threads import use_threads


@app.command(rich_help_panel=Panel.NETWORKS)
@grouped
def train(
    *,
    method: Annotated[str, typer.Option(help="see `resnoise list`")] = "nq",
    dataset: options.Dataset = "digits",
    architecture: Annotated[str | None, typer.Option(help="see `resnoise list`")] = None,
    backend: Annotated[
        str, typer.Option(help="library, for methods that train on one, such as direct")
    ] = "reference",
    timesteps: options.Timesteps = options.DEFAULT_TIMESTEPS,
    seed: Annotated[
        int, typer.Option(help="seed of weights, image order, augmentation and noise")
    ] = 0,
    place: options.DataPlace,
    changes: options.RecipeChanges,
    running: options.Running,
) -> None:
    """Train the source network of a method; an interrupted training resumes.

    Started by torchrun, all its processes train one network.
    """
    from resnoise import methods
    from resnoise.cli.display import print_recipes
    from resnoise.cli.findings import print_training
    from resnoise.cli.progress import progress_bars
    from resnoise.compare.plan import Plan
    from resnoise.methods.conversion_method import ConversionMethod
    from resnoise.training.run_folders import train_in
    from resnoise.utils.device import resolve_device
    from resnoise.utils.ranks import group, rank

    architecture = architecture or default_architecture(dataset)
    grid = Plan(
        data=place.options(dataset),
        recipes={method: changes.recipe(method, dataset, [architecture])},
        backends=(backend,),
        architectures=(architecture,),
        timesteps=parsing.integers(timesteps, "--timesteps"),
        seeds=(seed,),
    )
    if changes.show_recipe:
        print_recipes(grid.recipes)
        return
    execution = running.execution()
    use_threads(running.threads, dataset)
    cells, trained = list(grid.cells()), []
    with group(resolve_device(execution.device)), progress_bars() as announce:
        is_first = rank() == 0
        for number, cell in enumerate(cells, start=1):
            job = grid.job(cell, grid.load(cell))
            name = f"training {number} of {len(cells)}: {job.training}, {job.architecture}, "
            progress = announce(f"{name}seed {seed}") if is_first else None
            trained.append(train_in(running.runs, job, execution, progress))
    if not is_first:
        return
    convertible = isinstance(methods.get(method), ConversionMethod)
    for cell, best in zip(cells, trained, strict=True):
        steps = ",".join(map(str, cell.training.timesteps))
        how = f"--backend {backend} --timesteps {steps}{place.given()}"
        print_training(best, how, convertible)
