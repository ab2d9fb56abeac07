"""Figures that papers report, alone and next to what was measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points

import pandas as pd

from resnoise.report.table import Cell, Table, cells, percent, points


def as_named(name: str) -> str:
    """Where papers report every method under its own name."""
    return name


@dataclass(frozen=True)
class Published:
    """Figures that papers report.

    Attributes:
        figures: columns `method, dataset, architecture, levels, metric, timesteps, accuracy,
            source, note`, accuracy in per cent, metric `ann` or `snn`.
        reported_as: from a method's name to the one that papers report it under: of a variant, that
            of the method that it varies. See `resnoise.methods.reported_as`.
    """

    figures: pd.DataFrame
    reported_as: Callable[[str], str] = as_named


def published_tables(
    published: Published, frame: pd.DataFrame, dataset: str, architecture: str
) -> Iterator[Table]:
    """What papers report for a data set and architecture, if they do.

    Args:
        published: figures of any data set and architecture.
        frame: what was measured, from `without_repeats`.
        dataset: name of the data set, as in the records.
        architecture: name of the architecture, as in the records.
    """
    figures = published.figures
    chosen = figures[(figures["dataset"] == dataset) & (figures["architecture"] == architecture)]
    if chosen.empty:
        return
    sources = list(dict.fromkeys(chosen["source"]))
    measured = _beside(chosen, frame, sources, published.reported_as)
    if measured.rows:
        yield measured
    yield _alone(chosen, sources)


def _beside(
    chosen: pd.DataFrame,
    frame: pd.DataFrame,
    sources: list[str],
    reported_as: Callable[[str], str],
) -> Table:
    """Rows of `frame` whose method a source reports, of the same L, τ or ρ, or of none."""
    steps = sorted(frame["timesteps"].unique())
    rows = []
    variants: dict[str, str] = {}
    by_row = frame.groupby(["label", "backends", "levels"], sort=False, dropna=False)
    for (label, backends, _), group in by_row:
        line = group.iloc[0]
        reported = reported_as(line["method"])
        same = chosen[
            chosen["method"].str.lower().isin({line["method"], reported})
            & (
                chosen["levels"].isin(settings(str(line["levels"]), line["presimulation_steps"]))
                | chosen["levels"].isna()
            )
            & (chosen["metric"] == "snn")
        ]
        accuracies = group.set_index("timesteps")["accuracy"]
        for source, figures in same.groupby("source", sort=False):
            theirs = figures.set_index("timesteps")["accuracy"]
            if accuracies.index.isin(theirs.index).any():
                place = f"[{sources.index(source) + 1}]"
                found = (_difference(accuracies.get(step), theirs.get(step)) for step in steps)
                rows.append(cells(label, backends, line["levels"], place, *found))
                if reported != line["method"]:
                    variants[line["method"]] = reported
    return Table(
        name="beside-published",
        title="Measured here beside published: accuracy (%) and difference (points)",
        columns=("method", "backend", "L", "published", *(f"T={step}" for step in steps)),
        rows=rows,
        labels=2,
        notes=[
            "In small print: measured less published, of the source named in the next table; where "
            "that table gives no L, or τ or ρ in its place, the source gives none.",
            *(
                f"{method} is compared with {reported}, published by another recipe."
                for method, reported in variants.items()
            ),
        ],
        latex=False,
    )


def settings(levels: str, steps: int) -> set[str]:
    """What `levels` of a published figure may be where it is of the same setting.

    Args:
        levels: L.
        steps: calibration steps; papers that have these do not state L.

    Examples:
        >>> settings("4", 0), sorted(settings("4", 8))
        ({'4'}, ['rho=8', 'tau=8'])
    """
    return {f"tau={steps}", f"rho={steps}"} if steps else {levels}


def _difference(measured: float | None, published: float | None) -> Cell | None:
    if measured is None or published is None:
        return None
    return Cell(
        percent(measured, 2),
        spread=f"({points(measured - published / 100)})",
        value=100 * measured,
    )


def _alone(chosen: pd.DataFrame, sources: list[str]) -> Table:
    steps = sorted(chosen["timesteps"].dropna().astype(int).unique())
    rows = []
    for (method, levels, source), group in chosen.groupby(
        ["method", "levels", "source"], sort=False, dropna=False
    ):
        ann = group.loc[group["metric"] == "ann", "accuracy"]
        snn = group[group["metric"] == "snn"].set_index("timesteps")["accuracy"]
        found = (f"{snn[step]:.2f}" if step in snn.index else None for step in steps)
        rows.append(
            cells(
                method,
                f"[{sources.index(source) + 1}]",
                levels,
                f"{ann.iloc[0]:.2f}" if len(ann) else None,
                *found,
            )
        )
    remarks = [
        f"{method} [{sources.index(source) + 1}]: {note}."
        for method, source, note in chosen[["method", "source", "note"]]
        .dropna()
        .drop_duplicates()
        .itertuples(index=False)
    ]
    return Table(
        name="published",
        title="Published by others, not measured here: accuracy (%)",
        columns=("method", "source", "L", "ANN", *(f"T={step}" for step in steps)),
        rows=rows,
        labels=2,
        notes=[
            "Read in the sources below; other training budgets, augmentations and code, so compare "
            "trends with the measured tables, not digits.",
            *remarks,
            *(f"[{number}] {source}" for number, source in enumerate(sources, start=1)),
        ],
        latex=False,
    )


def published_figures(reported_as: Callable[[str], str] = as_named) -> Published | None:
    """The published figures of all installed packages that declare some."""
    frames = [point.load()() for point in entry_points(group="resnoise.published")]
    return Published(pd.concat(frames, ignore_index=True), reported_as) if frames else None
