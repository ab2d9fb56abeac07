"""The table of what a conversion loses to levels, and what to uneven input."""

from __future__ import annotations

import pandas as pd

from resnoise.provenance import Provenance
from resnoise.report.facts import made_with
from resnoise.report.render import markdown_table
from resnoise.report.table import Cell, Table, cells, percent, points


def decomposition_page(frame: pd.DataFrame, provenance: Provenance) -> str:
    """The decomposition as Markdown: a row a method, L and T, means over seeds.

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
            *(_over_seeds(group[name]) for name in ("to_levels", "to_unevenness")),
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


def _over_seeds(differences: pd.Series) -> Cell:
    spread = f"±{100 * differences.std():.2f}" if len(differences) > 1 else ""
    return Cell(points(differences.mean()), spread)
