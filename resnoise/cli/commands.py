"""The verbs of the command line. What only one of them needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli import options
from resnoise.cli.application import app
from resnoise.cli.option_groups import grouped
from resnoise.config.checks import require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError
from resnoise.training.defaults import default_architecture, default_seeds, use_threads

if TYPE_CHECKING:
    import pandas as pd

_DEFAULT_TIMESTEPS = "1,2,4,6,8,16"
NOISE = "nq"
"""The method that others are tested against unless something else is said."""


@app.command()
@grouped
def train(
    *,
    method: Annotated[str, typer.Option(help="see `resnoise list`")] = "nq",
    dataset: options.Dataset = "digits",
    architecture: Annotated[str | None, typer.Option(help="see `resnoise list`")] = None,
    backend: Annotated[str, typer.Option(help="for methods that train on one")] = "reference",
    timesteps: options.Timesteps = _DEFAULT_TIMESTEPS,
    seed: Annotated[int, typer.Option(help="of weights, order, augmentation and noise")] = 0,
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
        timesteps=options.integers(timesteps, "--timesteps"),
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


@app.command()
@grouped
def evaluate(
    *,
    checkpoint: options.Checkpoint = None,
    backend: Annotated[str, typer.Option(help="whose neurons")] = "reference",
    timesteps: options.Timesteps = _DEFAULT_TIMESTEPS,
    method: Annotated[
        str | None, typer.Option(help="another method of the same training, such as srp of qcfs")
    ] = None,
    own: options.OwnModel,
    place: options.DataRoot,
    device: options.Device = "auto",
    threads: options.Threads = None,
    compile: options.Compile = False,
    out: Annotated[Path | None, typer.Option(help="folder to add the records to")] = None,
) -> None:
    """Evaluate a trained network, or a plain one of your own (--model), on the test images, at
    several time steps.
    """
    from resnoise import backends, methods
    from resnoise.analysis.significance import Reference
    from resnoise.cli.display import print_lines, print_table
    from resnoise.cli.progress import progress_bars
    from resnoise.evaluation.accuracy import accuracy_table
    from resnoise.evaluation.evaluator import evaluate as evaluate_network
    from resnoise.evaluation.evaluator import training_of
    from resnoise.networks import locate
    from resnoise.records.store import RecordStore
    from resnoise.report.terminal import summary_table
    from resnoise.training.checkpoint import read_info
    from resnoise.training.loading import job_of

    checkpoint = None if checkpoint is None else locate(checkpoint)
    steps = options.integers(timesteps, "--timesteps")
    require_timesteps("timesteps", steps)
    backends.get(backend)  # names that there are not cost neither data nor time
    methods.get(method or options.PLAIN)
    calibrated = own.job(checkpoint, place, method or options.PLAIN)
    if calibrated is not None:
        if out is not None:
            raise ConfigError("expected --out of a checkpoint: records are of trainings")
        if compile or device != "auto":
            raise ConfigError("expected --device and --compile of a checkpoint, but got --model")
        use_threads(threads, own.dataset)
        print_table(accuracy_table(*calibrated, backend, steps), "accuracy in per cent")
        return
    job = job_of(checkpoint, place.options(), method)
    training = training_of(job, backend, steps)
    use_threads(threads, job.data.name)
    if out is not None:
        store = RecordStore(out)
        store.check()
        sha256 = read_info(checkpoint).sha256
        store.require_same_network(job.key(backend, training.timesteps[0]), sha256)
    with progress_bars() as announce:
        records = evaluate_network(
            job,
            checkpoint,
            backend,
            training,
            ExecutionConfig(device=device, compile=compile),
            progress=announce(f"evaluate {job.training} on {backend}"),
        )
    if out is not None:
        store.add(records)
    summary = summary_table(records, reference=Reference(job.method.name)).drop(columns="dataset")
    print_table(_method_first(summary), f"{job.data.name}: accuracy in per cent at T time steps")
    print_lines(["±: half the 95 % interval over images; ANN: the network before conversion."])


@app.command()
@grouped
def compare(
    *,
    out: Annotated[Path, typer.Option(help="folder for records, tables and report")],
    dataset: options.Dataset = "digits",
    methods: Annotated[str | None, typer.Option(help="default: all installed")] = None,
    backends: Annotated[str | None, typer.Option(help="default: all installed")] = None,
    architectures: Annotated[str | None, typer.Option(help="see `resnoise list`")] = None,
    timesteps: options.Timesteps = _DEFAULT_TIMESTEPS,
    seeds: Annotated[str | None, typer.Option(help="for digits: folds, default 0,1,2,3,4")] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="method that the others are tested against, METHOD:L one row of it; default: nq, "
            "or the first method where nq is not compared"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="networks trained and simulated at a time")] = 1,
    executor: Annotated[
        str, typer.Option(help="local: this machine; slurm: a job for each network")
    ] = "local",
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="of submitit, as timeout_min=120, slurm_partition=gpu"
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

    steps = options.integers(timesteps, "--timesteps")
    simulators = all_backends.available() if backends is None else options.words(backends)
    networks = options.words(architectures or default_architecture(dataset))
    chosen = all_methods.names() if methods is None else options.words(methods)
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
        seeds=options.integers(seeds or default_seeds(dataset), "--seeds"),
    )
    if changes.show_recipe:
        print_recipes(grid.recipes)
        return
    use_threads(running.threads, dataset)
    cluster = Cluster.named(executor, out / "jobs", slurm or ())
    workplace = RunOptions(out, running.runs, running.execution(), jobs, cluster=cluster)
    with progress_bars() as announce:
        found = run_comparison(
            grid,
            workplace,
            reference=tested_against,
            usual_reference=NOISE,
            published=published_figures(all_methods.reported_as),
            announce=announce,
        )
    print_comparison(found.report, dataset, out)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="folder with records.json")],
    reference: options.Reference = "nq",
    dataset: Annotated[str | None, typer.Option(help="only this data set")] = None,
    out: Annotated[Path | None, typer.Option(help="folder to write to; default: the same")] = None,
) -> None:
    """Write tables (Markdown, CSV, LaTeX) and one HTML page from the records of a comparison."""
    from resnoise import methods
    from resnoise.analysis.significance import Reference
    from resnoise.cli.display import print_paths
    from resnoise.report.published_tables import published_figures
    from resnoise.report.writer import write_report

    written = write_report(
        directory,
        out=out,
        reference=Reference.parse(reference),
        published=published_figures(methods.reported_as),
        dataset=dataset,
        tested=True,  # tables without a test would take the place of those that have them
    )
    print_paths(written)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="networks: the trained ones, with accuracies")] = "",
) -> None:
    """List methods, backends, architectures and data sets, or the trained networks."""
    if what == "networks":
        from resnoise.cli.export import print_networks

        print_networks()
        return
    if what:
        raise ConfigError(f"expected `networks` or nothing, but got {what!r}")
    from resnoise.cli.listing import print_listing

    print_listing()


def _method_first(summary: pd.DataFrame) -> pd.DataFrame:
    return summary[["method", *summary.columns.drop("method")]]
