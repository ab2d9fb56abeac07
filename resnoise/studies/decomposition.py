"""Where a conversion loses accuracy: to the levels that T steps have, or to uneven input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import nn

from resnoise.config.checks import require_positive_int, require_timesteps
from resnoise.conversion.activation import activations
from resnoise.datasets import DataOptions
from resnoise.evaluation.accuracy import simulated_accuracies, source_accuracy
from resnoise.records.provenance import Provenance, provenance
from resnoise.report.markup import markdown_table
from resnoise.report.provenance_tables import made_with
from resnoise.report.table import Table, cells, percent, points
from resnoise.studies.study import (
    over_seeds,
    require_one_place,
    require_rows_of_their_own,
    write_study,
)
from resnoise.training import checkpoint
from resnoise.training.loading import job_of, recipe_of, source_network
from resnoise.utils.files import ensure_directory
from resnoise.utils.progress import Announce, Progress


def set_levels_(source: nn.Module, levels: int) -> None:
    r"""Give every activation of a source network another number of levels, and the same λ.

    With L = T the network computes what the spiking one would if every neuron received the same
    current at every step: from v(0) = θ/2 it then spikes

    .. math:: n(T) = \mathrm{clip}(\lfloor T z / θ + \tfrac12 \rfloor, 0, T)

    times in T steps, which is q(z) of T levels.

    Args:
        source: source network, changed in place.
        levels: L, at least 1.

    Raises:
        ConfigError: `levels` is below 1.

    Source: Bu et al., ICLR 2022, arXiv 2303.04347; what it leaves out is their unevenness error.
    """
    require_positive_int("levels", levels)
    for layer in activations(source).values():
        layer.levels = levels


def decompose(
    path: Path, data: DataOptions, timesteps: Sequence[int], progress: Progress
) -> pd.DataFrame:
    """Test accuracies of a network without spikes, with T levels, and with spikes.

    Args:
        path: its checkpoint.
        data: where the data set is.
        timesteps: every T.
        progress: called with every pass over the images.

    Returns:
        One row per T, with `source_accuracy` of L levels, `even_accuracy` of T levels,
        `spiking_accuracy` on the reference backend, and what they are of.

    Raises:
        CheckpointError: the checkpoint is damaged, or its method has no network without spikes.
        ConfigError: its method is not installed, or one of `timesteps` is below 1.
        DataError: the data set is missing, incomplete or corrupt.
    """
    job = job_of(path, data)
    info, network = job.restore(path)
    source = source_network(job.method, network, path)
    split, batch_size = job.data.test, job.recipe.batch_size
    passes = len(timesteps) + 2
    spiking = simulated_accuracies(job, network, split, max(timesteps))
    progress(1, passes, "with spikes")
    without_spikes = source_accuracy(source, split, batch_size)
    progress(2, passes, "without")
    rows = []
    for done, steps in enumerate(timesteps, start=3):
        set_levels_(source, steps)
        rows.append(
            {
                "dataset": job.data.name,
                "architecture": job.architecture,
                "method": job.method.name,
                "levels": job.method.levels(job.recipe),
                "seed": job.seed,
                "timesteps": steps,
                "source_accuracy": without_spikes,
                "even_accuracy": source_accuracy(source, split, batch_size),
                "spiking_accuracy": spiking[steps - 1],
                "test_images": len(split),
                "checkpoint_sha256": info.sha256,
            }
        )
        progress(done, passes, f"{steps} levels")
    return pd.DataFrame(rows)


def compare_losses(
    paths: Sequence[Path],
    data: DataOptions,
    timesteps: Sequence[int],
    out: Path,
    announce: Announce,
) -> list[Path]:
    """Write `decomposition.md`, and `decomposition.csv` with a line for each network and T.

    Args:
        paths: checkpoints of one data set and architecture, at most one of each method, L and seed.
        data: where the data set is.
        timesteps: every T.
        out: folder of the tables.
        announce: called with every checkpoint.

    Raises:
        CheckpointError: a checkpoint is not what `decompose` needs, or they are of several data
            sets or architectures, or two of them of the same row.
        StorageError: `out` cannot be written to.
    """
    ensure_directory(out)
    made_by = provenance()
    require_timesteps("timesteps", timesteps)
    require_one_place(paths)
    require_rows_of_their_own(_row(path) for path in paths)
    frame = pd.concat(
        [decompose(path, data, timesteps, announce(f"decompose {path}")) for path in paths]
    )
    return write_study(out, "decomposition", decomposition_page(frame, made_by), frame)


def _row(path: Path) -> str:
    info = checkpoint.read_info(path)
    levels = recipe_of(info, path).activation.levels
    return f"method {info.method}, L = {levels} and seed {info.job.seed}"


def decomposition_page(frame: pd.DataFrame, provenance: Provenance) -> str:
    """The decomposition as Markdown: one row per method, L and T, means over seeds.

    Args:
        frame: rows of one data set and architecture, from
            `resnoise.studies.decomposition.decompose`.
        provenance: code and machine.
    """
    facts = frame.iloc[0]
    frame = frame.assign(
        to_levels=frame["even_accuracy"] - frame["source_accuracy"],
        to_unevenness=frame["spiking_accuracy"] - frame["even_accuracy"],
    )
    rows = [
        cells(
            method,
            levels,
            timesteps,
            *(
                percent(group[name].mean(), 2)
                for name in ("source_accuracy", "even_accuracy", "spiking_accuracy")
            ),
            *(over_seeds(group[name], points) for name in ("to_levels", "to_unevenness")),
            len(group),
        )
        for (method, levels, timesteps), group in frame.groupby(
            ["method", "levels", "timesteps"], sort=False
        )
    ]
    table = Table(
        name="decomposition",
        title=f"Where accuracy goes, {facts['dataset']}, {facts['architecture']}: "
        "test accuracy (%)",
        columns=(
            "method",
            "L",
            "T",
            "ANN",
            "ANN, T levels",
            "SNN",
            "to levels",
            "to unevenness",
            "seeds",
        ),
        rows=rows,
        notes=[
            "ANN, T levels: the source network, its activations quantised to T levels instead of "
            "L; what the SNN would do if every neuron received the same current at every step. To "
            "levels: that less the ANN, in points; to unevenness: the SNN less that, which is what "
            "the order of spikes costs. Both together are what conversion costs. Mean over seeds, "
            "± standard deviation over seeds.",
            f"On {facts['test_images']} test images, noise off, reference backend.",
            made_with(provenance),
        ],
    )
    return markdown_table(table, heading="#")
