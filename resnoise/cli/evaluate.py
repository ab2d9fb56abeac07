"""`resnoise evaluate`: how accurate one network is at several time steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli import options, parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped
from resnoise.cli.own_model import PLAIN, OwnModel
from resnoise.config.checks import require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError
from resnoise.utils.threads import use_threads

if TYPE_CHECKING:
    import pandas as pd


@app.command(rich_help_panel=Panel.NETWORKS)
@grouped
def evaluate(
    *,
    checkpoint: options.Checkpoint = None,
    backend: Annotated[str, typer.Option(help="library of the neurons")] = "reference",
    timesteps: options.Timesteps = options.DEFAULT_TIMESTEPS,
    method: Annotated[
        str | None, typer.Option(help="another method of the same training, such as srp of qcfs")
    ] = None,
    own: OwnModel,
    place: options.DataRoot,
    device: options.Device = "auto",
    threads: options.Threads = None,
    compile: options.Compile = False,
    out: Annotated[Path | None, typer.Option(help="folder to add the records to")] = None,
) -> None:
    """Evaluate a network on the test images after several numbers of time steps.

    The network is a trained one, or a plain model of your own (--model).
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
    steps = parsing.integers(timesteps, "--timesteps")
    require_timesteps("timesteps", steps)
    backends.get(backend)  # names that there are not cost neither data nor time
    methods.get(method or PLAIN)
    calibrated = own.job(checkpoint, place, method or PLAIN)
    if calibrated is not None:
        if out is not None:
            raise ConfigError(
                "expected --out only with a checkpoint, whose training a record names, but got "
                "--model"
            )
        if compile or device != "auto":
            raise ConfigError(
                "expected --device and --compile only with a checkpoint, but got --model"
            )
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


def _method_first(summary: pd.DataFrame) -> pd.DataFrame:
    return summary[["method", *summary.columns.drop("method")]]
