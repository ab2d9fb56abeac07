"""The table of what choosing by test accuracy would report."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resnoise.provenance import Provenance
from resnoise.report.facts import made_with
from resnoise.report.render import markdown_table
from resnoise.report.table import Cell, Table, cells, percent, points


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
