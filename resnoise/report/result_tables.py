"""The tables of accuracies, each made from one section's frame and row_tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from resnoise.analysis.rows import Row, row_of
from resnoise.analysis.significance import Reference, RowTest, verdict_of
from resnoise.report.divisions import NO_SPIKES, division_notes
from resnoise.report.table import (
    MISSING,
    Cell,
    Table,
    cells,
    marks_in,
    percent,
    share,
    significant,
)
from resnoise.utils.text import spoken

MARKS = {"better": "▲", "worse": "▼", "n.s.": "≈", "mixed": "≷", "": ""}


def accuracy_table(
    frame: pd.DataFrame,
    sources: pd.DataFrame,
    row_tests: Sequence[RowTest],
    reference: Reference,
    parity: Sequence[str] = (),
) -> Table:
    """Accuracy at every T.

    Args:
        frame: one section of `without_repeats`.
        sources: its `source_networks`.
        row_tests: its tests.
        reference: what its rows are tested against.
        parity: sentences of `backend_parity`.
    """
    relevant = [row_test for row_test in row_tests if row_test.equal_timesteps]
    steps = sorted(frame["timesteps"].unique())
    groups, rows = _pivot(
        frame, "timesteps", steps, _tested_cell(relevant, reference), with_ann=True
    )
    return Table(
        name="accuracy-by-timesteps",
        title="Accuracy (%) at equal time steps T",
        columns=("method", "backend", "L", "τ", "ANN", "ANN, noise on", *_headings("T", steps)),
        rows=[*rows, *(_source_accuracy(source, len(steps)) for source in sources.itertuples())],
        groups=(*groups, *[NO_SPIKES] * len(sources)),
        labels=2,
        notes=[
            *division_notes(frame, sources),
            _intervals_note(frame),
            *_marks_note(relevant, reference),
            *_mixed_note(rows, reference),
            *(f"Backends: {sentence}" for sentence in parity),
        ],
    )


def total_steps_table(
    frame: pd.DataFrame, row_tests: Sequence[RowTest], reference: Reference
) -> Table | None:
    """Accuracy at each τ + T that rows of different τ have; None if there is none.

    All else stands in `accuracy_table`, whose arguments these are.
    """
    calibrations = frame.groupby("total_steps")["presimulation_steps"].nunique()
    steps = sorted(calibrations.index[calibrations > 1])
    if not steps:
        return None
    relevant = [row_test for row_test in row_tests if row_test.equal_steps]
    shared = frame[frame["total_steps"].isin(steps)]
    groups, rows = _pivot(shared, "total_steps", steps, _tested_cell(relevant, reference))
    return Table(
        name="accuracy-by-total-steps",
        title="Accuracy (%) at equal total steps τ + T",
        columns=("method", "backend", "L", "τ", *_headings("τ+T", steps)),
        rows=rows,
        groups=groups,
        labels=2,
        notes=[
            "Where methods with and without steps before T meet; signs as in the table of equal T.",
            *_mixed_note(rows, reference),
        ],
    )


def _tested_cell(row_tests: Sequence[RowTest], reference: Reference) -> Callable[[pd.Series], Cell]:
    def cell(line: pd.Series) -> Cell:
        row = row_of(line)
        verdict = verdict_of(row_tests, row, line.timesteps)
        return share(
            line.accuracy,
            spread=f"±{percent((line.accuracy_high - line.accuracy_low) / 2)}",
            mark="" if row in reference else MARKS[verdict],
            bold=verdict == "better",
        )

    return cell


def spread_table(frame: pd.DataFrame) -> Table | None:
    """Mean over seeds with its bootstrap interval, at every T; None where all have one seed."""
    seeds = sorted(frame["seeds"].unique())
    if seeds == [1]:
        return None

    def entry(line: pd.Series) -> Cell:
        interval = f"[{percent(line.seed_low)}, {percent(line.seed_high)}]"
        return share(line.seed_mean, spread="" if line.seeds < 2 else interval)

    steps = sorted(frame["timesteps"].unique())
    groups, rows = _pivot(frame, "timesteps", steps, entry)
    notes = [
        "Mean of the seeds' accuracies with its 95 % percentile bootstrap interval over seeds, "
        f"from {spoken(seeds)} seeds per cell; with so few it is a spread rather than a guarantee."
    ]
    if seeds[0] == 1:
        notes.append("A cell of one seed has no interval.")
    return Table(
        name="accuracy-over-seeds",
        title="Accuracy (%) over seeds",
        columns=("method", "backend", "L", "τ", *_headings("T", steps)),
        rows=rows,
        groups=groups,
        labels=2,
        notes=notes,
    )


def _headings(name: str, steps: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{name}={step}" for step in steps)


def _pivot(
    frame: pd.DataFrame,
    by: str,
    steps: Sequence[int],
    entry: Callable[[pd.Series], Cell],
    with_ann: bool = False,
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """One line per row of the comparison, one column per number of steps; first their divisions."""
    divisions, lines = [], []
    for _, group in frame.groupby(list(Row._fields), sort=False, dropna=False):
        first = group.iloc[0]
        most = group.loc[group["seeds"].idxmax()]  # seeds may differ between T
        ann = (share(most.ann_accuracy), share(most.ann_noisy_accuracy)) if with_ann else ()
        found = {line[by]: entry(line) for _, line in group.iterrows()}
        tau = first.presimulation_steps
        divisions.append(first.division)
        lines.append(
            cells(first.label, first.backends, first.levels, tau, *ann, *map(found.get, steps))
        )
    return tuple(divisions), lines


def _source_accuracy(source: NamedTuple, steps: int) -> tuple[Cell, ...]:
    """The line of a source network, which has no steps."""
    energy = significant(source.ann_energy_nj / 1000)
    ann = share(source.ann_accuracy, spread="" if energy == MISSING else f"({energy} μJ)")
    noisy = share(source.ann_noisy_accuracy)
    return cells(
        f"ANN of {source.training}", None, source.levels, None, ann, noisy, *[None] * steps
    )


def _intervals_note(frame: pd.DataFrame) -> str:
    images = spoken(sorted(frame["images"].unique()))
    return (
        "Accuracy over different test images, each averaged over the seeds that tested it, "
        f"± half of its 95 % Wilson interval from {images} images."
    )


def _marks_note(row_tests: Sequence[RowTest], reference: Reference) -> list[str]:
    if not row_tests:
        return []
    return [
        f"Against {reference} on the same test images (McNemar, Holm-corrected, 5 %): "
        "▲ significantly better, ▼ significantly worse, ≈ no significant difference. "
        f"Bold: another method that is significantly better than {reference}, or "
        f"{reference} where it is significantly better than every method tested in that "
        "column. A difference that is not significant is never in bold."
    ]


def _mixed_note(rows: Sequence[tuple[Cell, ...]], reference: Reference) -> list[str]:
    if MARKS["mixed"] not in marks_in(rows):
        return []
    return [
        f"≷ significant, but rows of {reference}, or seeds, do not agree on which is ahead; see "
        "the paired tests."
    ]
