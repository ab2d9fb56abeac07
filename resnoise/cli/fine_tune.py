"""`resnoise fine-tune`: a pretrained model of one's own, trained for conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options, parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped
from resnoise.utils.threads import use_threads


@app.command("fine-tune", rich_help_panel=Panel.NETWORKS)
@grouped
def fine_tune(
    *,
    model: Annotated[str, typer.Option(help="module:function that makes it, weights included")],
    weights: Annotated[Path | None, typer.Option(help="its weights, .safetensors")] = None,
    dataset: options.Dataset = "cifar10",
    method: Annotated[str, typer.Option(help="method of conversion")] = "qcfs",
    backend: Annotated[str, typer.Option(help="library of the neurons")] = "reference",
    timesteps: options.Timesteps = "1,2,4,8,16",
    seed: Annotated[
        int, typer.Option(help="seed of image order, augmentation, noise and splits")
    ] = 0,
    to: Annotated[
        str | None, typer.Option(help="also write it, as `resnoise export` does: norse, nir, …")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="file that --to writes")] = None,
    place: options.DataPlace,
    changes: options.RecipeChanges,
    running: options.Running,
) -> None:
    """Train a pretrained model of your own for conversion, and test it.

    Images are resized to --image-size. An interrupted training resumes; one that is done is only
    tested.
    """
    from resnoise import methods
    from resnoise.cli.display import print_paths, print_recipes, print_table
    from resnoise.cli.progress import progress_bars
    from resnoise.datasets import load
    from resnoise.errors import ConfigError
    from resnoise.evaluation.accuracy import accuracy_table
    from resnoise.export import writer
    from resnoise.export.exported import from_job, require_plain
    from resnoise.training.job import Job
    from resnoise.training.own_model import own_model
    from resnoise.training.run_folders import train_in
    from resnoise.utils.files import ensure_file

    if (to is None) != (out is None):
        raise ConfigError("expected --to and --out together, the target and its file")
    chosen = methods.get(method)
    write = None
    if to is not None:
        write = writer(to)
        require_plain(chosen)
        ensure_file(out)
    steps = parsing.integers(timesteps, "--timesteps")
    recipe = changes.recipe(method, dataset, [model])
    if changes.show_recipe:
        print_recipes({method: recipe})
        return
    use_threads(running.threads, dataset)
    data = load(place.options(dataset), seed=seed, augmentation=recipe.augmentation)
    (training,) = chosen.trainings(backend, steps)
    job = Job(chosen, training.name, model, data, recipe, seed, own_model(model, weights))
    with progress_bars() as announce:
        best = train_in(running.runs, job, running.execution(), announce(f"fine-tune {model}"))
    print_table(accuracy_table(job, job.load(best), backend, steps), "accuracy in per cent")
    written = [] if write is None else write(from_job(job, best), out)
    print_paths([best, *written])
