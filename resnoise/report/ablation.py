"""The table of an ablation."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from resnoise.config import Recipe
from resnoise.difference import flat
from resnoise.provenance import Provenance
from resnoise.report.facts import made_with
from resnoise.report.render import markdown_table
from resnoise.report.table import Cell, Table, cells, percent


def ablation_page(
    frame: pd.DataFrame,
    dataset: str,
    architecture: str,
    recipes: Mapping[str, Recipe],
    provenance: Provenance,
) -> str:
    """An ablation as Markdown: a row for each variant, mean and spread over seeds at each T.

    Args:
        frame: columns `method, change, seed, timesteps, validation_accuracy, validation_images`.
        dataset: name of the data set.
        architecture: name of the architecture.
        recipes: of each method's first row, by the method's name.
        provenance: code and machine.
    """
    steps = sorted(frame["timesteps"].unique())
    rows = []
    for (method, change), group in frame.groupby(["method", "change"], sort=False):
        at = group.groupby("timesteps")["validation_accuracy"]
        found = (_over_seeds(at.get_group(step)) for step in steps)
        rows.append(cells(method, change or "as it is", *found, group["seed"].nunique()))
    images = sorted(frame["validation_images"].unique())
    table = Table(
        name="ablation",
        title=f"Ablation on {dataset}, {architecture}: validation accuracy (%)",
        columns=("method", "recipe", *(f"T={step}" for step in steps), "seeds"),
        rows=rows,
        labels=2,
        notes=[
            "Each row changes one thing of the method's first row. Mean over seeds, ± standard "
            "deviation over seeds.",
            f"On {' or '.join(map(str, images))} validation images a seed, which also chose the "
            "best epoch, by accuracy at T = induction.timesteps, and gave the noise: compare rows, "
            "not with test accuracies. Test images were not looked at.",
            *(f"{method} as it is: {_described(recipe)}." for method, recipe in recipes.items()),
            "A row with start_from has the epochs of its predecessor on top of its own.",
            made_with(provenance),
        ],
    )
    return markdown_table(table, heading="#")


def _described(recipe: Recipe) -> str:
    values = flat(recipe.to_json())
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def _over_seeds(accuracies: pd.Series) -> Cell:
    spread = f"±{percent(accuracies.std())}" if len(accuracies) > 1 else ""
    return Cell(percent(accuracies.mean()), spread)
