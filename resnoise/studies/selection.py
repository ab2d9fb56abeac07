"""What choosing the epoch by test accuracy, as published code does, does to the figures.

This package chooses by validation accuracy. Here alone the epochs of one training are all looked at
on the test split, to measure what the other choice would have reported of the same training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from resnoise.config.checks import require_timesteps
from resnoise.datasets import DataOptions
from resnoise.errors import CheckpointError
from resnoise.evaluation.accuracy import simulated_accuracies, source_accuracy
from resnoise.records.provenance import Provenance, provenance
from resnoise.report.markup import markdown_table
from resnoise.report.provenance_tables import made_with
from resnoise.report.table import Cell, Table, cells, percent, points
from resnoise.studies.study import require_one_place, require_rows_of_their_own, write_study
from resnoise.training import checkpoint
from resnoise.training.checkpoint import EPOCH
from resnoise.training.loading import job_of, recipe_of, source_network
from resnoise.utils.files import ensure_directory
from resnoise.utils.progress import Announce, Progress


def examine(
    directory: Path, data: DataOptions, timesteps: Sequence[int], progress: Progress
) -> pd.DataFrame:
    """Validation and test accuracies of every epoch that a training kept.

    Args:
        directory: of a training that kept every epoch, see `ExecutionConfig.keep_epochs`.
        data: where the data set is.
        timesteps: every T to simulate.
        progress: called with every epoch.

    Returns:
        A row an epoch: `dataset, architecture, method, seed, training, epoch`, then
        `validation_accuracy, source_accuracy`, and `T=1`, ... of test images, `test_images` of
        them, and `checkpoint_sha256`.

    Raises:
        CheckpointError: the last or the best epoch of the training was not kept, or the method has
            no network without spikes.
    """
    require_timesteps("timesteps", timesteps)
    paths = _kept_epochs(directory)
    job = job_of(paths[0], data)
    rows = []
    for done, path in enumerate(paths, start=1):
        info, network = job.restore(path)
        source = source_network(job.method, network, path)
        accuracies = simulated_accuracies(job, network, job.data.test, max(timesteps))
        rows.append(
            {
                "dataset": job.data.name,
                "architecture": job.architecture,
                "method": info.method,
                "seed": job.seed,
                "training": directory.name,
                "epoch": info.epoch,
                "validation_accuracy": info.validation_accuracy,
                "source_accuracy": source_accuracy(source, job.data.test, job.recipe.batch_size),
                **{f"T={steps}": accuracies[steps - 1] for steps in timesteps},
                "test_images": len(job.data.test),
                "checkpoint_sha256": info.sha256,
            }
        )
        progress(done, len(paths), f"epoch {info.epoch}")
    return pd.DataFrame(rows)


def _kept_epochs(directory: Path) -> list[Path]:
    paths = sorted(directory.glob(EPOCH.format("*") + ".json"))
    if not paths:
        raise CheckpointError(
            f"expected {directory} to hold the epochs of a training with `keep_epochs=1`, "
            "but found none"
        )
    infos = [checkpoint.read_info(path) for path in paths]
    epochs = recipe_of(infos[-1], paths[-1]).epochs
    # A rule chooses among all epochs.
    if [info.epoch for info in infos] != list(range(1, epochs + 1)):
        raise CheckpointError(
            f"expected {directory} to hold epochs 1 to {epochs}, but it holds {len(infos)} of "
            f"{infos[0].epoch} to {infos[-1].epoch}; train with `keep_epochs=1` from the start, "
            "to the end"
        )
    return paths


def _row(path: Path) -> str:
    info = checkpoint.read_info(path)
    return f"method {info.method} and seed {info.job.seed}"


def choices(epochs: pd.DataFrame) -> pd.DataFrame:
    """The epochs that different rules choose; of equal epochs the later one.

    Args:
        epochs: of one training, from `examine`.

    Returns:
        The rows of `epochs` that are chosen, with the column `chosen_by` in front, and `among`
        which epochs at the end.
    """
    steps = [name for name in epochs.columns if name.startswith("T=")]
    rules = {
        "validation accuracy": "validation_accuracy",
        "test accuracy without spikes": "source_accuracy",
        **{f"test accuracy at {name}": name for name in steps},
    }
    latest_first = epochs.sort_values("epoch", ascending=False)
    chosen = pd.DataFrame([latest_first.loc[latest_first[by].idxmax()] for by in rules.values()])
    chosen.insert(0, "chosen_by", list(rules))
    chosen["among"] = f"{epochs.epoch.min()} to {epochs.epoch.max()}"
    return chosen.reset_index(drop=True)


def compare_choices(
    directories: Sequence[Path],
    data: DataOptions,
    timesteps: Sequence[int],
    out: Path,
    announce: Announce,
) -> list[Path]:
    """Write `selection.md`, and `selection.csv` with a line for each epoch.

    Args:
        directories: of trainings that kept every epoch, of one data set and architecture, at most
            one of each method and seed.
        data: where the data set is.
        timesteps: every T to simulate.
        out: folder of the tables.
        announce: called with every training.

    Raises:
        CheckpointError: a directory does not hold what `examine` needs, or they are of several
            data sets or architectures, or two of them of the same row.
        StorageError: `out` cannot be written to.
    """
    ensure_directory(out)
    made_by = provenance()
    require_timesteps("timesteps", timesteps)
    firsts = [_kept_epochs(directory)[0] for directory in directories]
    require_one_place(firsts)
    require_rows_of_their_own(_row(path) for path in firsts)
    frames = [examine(path, data, timesteps, announce(path.name)) for path in directories]
    page = selection_page([choices(frame) for frame in frames], made_by)
    return write_study(out, "selection", page, pd.concat(frames))


def selection_page(trainings: Sequence[pd.DataFrame], provenance: Provenance) -> str:
    """The epochs that each rule chooses, as Markdown.

    Args:
        trainings: one frame a training, from `resnoise.studies.selection.choices`.
        provenance: code and machine.
    """
    facts = trainings[0].iloc[0]
    figures = ["source_accuracy", *(name for name in facts.index if name.startswith("T="))]
    rows = [
        cells(
            choice["method"],
            int(choice["seed"]),
            choice["chosen_by"],
            int(choice["epoch"]),
            *(_beside(choice[name], chosen.iloc[0][name]) for name in figures),
        )
        for chosen in trainings
        for _, choice in chosen.iterrows()
    ]
    table = Table(
        name="selection",
        title=f"Which epoch is chosen, {facts['dataset']}, {facts['architecture']}: "
        "test accuracy (%)",
        columns=("method", "seed", "chosen by", "epoch", "ANN", *figures[1:]),
        rows=rows,
        labels=3,
        notes=[
            "Every row of a method and seed is of the same training; in small print, the "
            "difference to the epoch that validation chooses, in points. Chosen among epochs "
            f"{', '.join(dict.fromkeys(chosen['among'].iloc[0] for chosen in trainings))}.",
            f"On {facts['test_images']} test images, noise off, reference backend.",
            made_with(provenance),
        ],
    )
    return markdown_table(table, heading="#")


def _beside(accuracy: float, validated: float) -> Cell:
    difference = accuracy - validated
    return Cell(percent(accuracy, 2), f"({points(difference)})" if difference else "")
