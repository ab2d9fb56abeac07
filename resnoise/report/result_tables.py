"""The tables of measured results, each made from one section's frame and row_tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from resnoise.analysis.rows import Row, row_of
from resnoise.analysis.significance import Reference, RowTest, several_levels, verdict_of
from resnoise.report.divisions import NO_SPIKES, division_notes
from resnoise.report.table import MISSING, Cell, Table, cells, percent, scaled, significant, spoken

MARKS = {"better": "▲", "worse": "▼", "n.s.": "≈", "mixed": "≷", "": ""}
_BY = {"timesteps": "T", "total_steps": "τ+T"}


def accuracy_table(
    frame: pd.DataFrame,
    sources: pd.DataFrame,
    row_tests: Sequence[RowTest],
    reference: Reference,
    by: str,
) -> Table:
    """Accuracy at every T (`by="timesteps"`) or at every τ + T (`by="total_steps"`)."""
    equal = "equal_timesteps" if by == "timesteps" else "equal_steps"
    relevant = [row_test for row_test in row_tests if getattr(row_test, equal)]

    def entry(line: pd.Series) -> Cell:
        row = row_of(line)
        verdict = verdict_of(relevant, row, line.timesteps)
        return Cell(
            percent(line.accuracy),
            spread=f"±{percent((line.accuracy_high - line.accuracy_low) / 2)}",
            mark="" if row in reference else MARKS[verdict],
            bold=verdict == "better",
        )

    groups, rows = _pivot(frame, by, entry, with_ann=True)
    mixed = any(cell.mark == MARKS["mixed"] for row in rows for cell in row)
    steps = "at equal time steps T" if by == "timesteps" else "at equal total steps τ + T"
    headings = _headings(frame, by)
    return Table(
        name=f"accuracy-by-{by.replace('_', '-')}",
        title=f"Accuracy (%) {steps}",
        columns=("method", "backend", "L", "τ", "ANN", "ANN, noise on", *headings),
        rows=[*rows, *(_source_accuracy(source, len(headings)) for source in sources.itertuples())],
        groups=(*groups, *[NO_SPIKES] * len(sources)),
        labels=2,
        notes=[
            *division_notes(frame, sources),
            _intervals_note(frame),
            *_marks_note(relevant, reference),
            *([f"≷ differs between rows of {reference}; see the paired tests."] if mixed else []),
        ],
    )


def spread_table(frame: pd.DataFrame) -> Table:
    """Mean over seeds with its bootstrap interval, at every T."""

    def entry(line: pd.Series) -> Cell:
        interval = f"[{percent(line.seed_low)}, {percent(line.seed_high)}]"
        return Cell(percent(line.seed_mean), spread="" if line.seeds < 2 else interval)

    groups, rows = _pivot(frame, "timesteps", entry, with_ann=False)
    seeds = sorted(frame["seeds"].unique())
    notes = [
        "Mean of the seeds' accuracies with its 95 % percentile bootstrap interval over seeds, "
        f"from {spoken(seeds)} seed{'s' if seeds != [1] else ''} per cell; with so few it is "
        "a spread rather than a guarantee."
    ]
    if seeds[0] == 1:
        notes.append("A cell of one seed has no interval.")
    return Table(
        name="accuracy-over-seeds",
        title="Accuracy (%) over seeds",
        columns=("method", "backend", "L", "τ", *_headings(frame, "timesteps")),
        rows=rows,
        groups=groups,
        labels=2,
        notes=notes,
    )


def cost_table(frame: pd.DataFrame, sources: pd.DataFrame) -> Table:
    """Latency, memory, activity, operations, energy and footprint at every T."""
    rows = [
        cells(
            line.label,
            line.backend,
            line.levels,
            line.timesteps,
            line.total_steps,
            _latency(line.latency_ms_per_image, line.latency_iqr_ms),
            _latency(line.latency_batch1_ms, line.latency_batch1_iqr_ms),
            significant(line.overhead_ratio),
            significant(line.peak_memory_mib, 4),
            significant(line.firing_rate, 2),
            percent(line.agreement),
            *(scaled(line[name]) for name in ("synops_dense", "synops_effective", "acs", "macs")),
            significant(line.energy_nj / 1000),
            significant(line.energy_nj / line.ann_energy_nj, 2),
            scaled(line.parameters),
            scaled(line.parameter_bytes),
        )
        for _, line in frame.iterrows()
    ]
    batches = spoken(sorted(frame["latency_batch"].astype(int).unique()))
    return Table(
        name="costs",
        title="Cost of one image",
        columns=(
            "method",
            "backend",
            "L",
            "T",
            "τ+T",
            "latency (ms)",
            "batch 1 (ms)",
            "R(T)",
            "memory (MiB)",
            "firing rate",
            "as its ANN (%)",
            "SynOps, dense",
            "SynOps, effective",
            "ACs",
            "MACs",
            "energy (μJ)",
            "over ANN's",
            "parameters",
            "bytes",
        ),
        rows=[*rows, *map(_source_cost, sources.itertuples())],
        groups=(*frame["division"], *[NO_SPIKES] * len(sources)),
        labels=2,
        notes=[
            "Medians over seeds, means where the heading is 'as its ANN'. "
            f"Latency: milliseconds per image at batch {batches}, median and "
            "interquartile range; R(T): time of the SNN's τ + T steps over τ + T times one pass of "
            f"the ANN; memory: peak of one simulation at batch {batches}; firing rate: spikes per "
            "neuron and step; as its ANN: test images on which SNN and source network predict the "
            "same; energy: 4.6 pJ per MAC and 0.9 pJ per AC (45 nm, Horowitz, ISSCC 2014), an "
            "estimate from counts, not a measurement; over ANN's: "
            "energy over that of one pass of the ANN, all of whose operations are MACs.",
            "Pre-simulation steps τ are in every latency, count and energy.",
            *_timed_compiled(frame),
        ],
        latex=False,
    )


def _timed_compiled(frame: pd.DataFrame) -> list[str]:
    compiled = frame["compiled"].astype(bool)
    if not compiled.any():
        return []
    labels = "all" if compiled.all() else spoken(sorted(set(frame.loc[compiled, "label"])))
    return [f"Neurons, and the ANN of R(T), were timed through torch.compile: {labels}."]


def summaries(row_tests: Sequence[RowTest]) -> list[str]:
    """One sentence per other method and kind of comparison, better and worse alike."""
    findings: dict[tuple[str, str, str], list[str]] = {}
    several = several_levels(row_tests)
    others = dict.fromkeys((c.reference, c.other, b) for c in row_tests for b in c.backends)
    for reference, other, backend in others:
        held = [
            row_test
            for row_test in row_tests
            if (row_test.reference, row_test.other) == (reference, other)
            and backend in row_test.backends
        ]
        for equal, steps in (("equal_timesteps", "T"), ("equal_steps", "τ+T")):
            chosen = [row_test for row_test in held if getattr(row_test, equal)]
            if not chosen:
                continue
            if equal == "equal_steps" and all(row_test.equal_timesteps for row_test in chosen):
                continue  # without pre-simulation this repeats the sentence before
            finding = _finding(chosen, equal, steps)
            ours, theirs = (
                row.label_with_levels if several else row.label for row in (reference, other)
            )
            findings.setdefault((ours, theirs, finding), []).append(backend)
    return [
        f"{ours} against {theirs}, on {spoken(dict.fromkeys(backends))}: {finding}."
        for (ours, theirs, finding), backends in findings.items()
    ]


def _finding(row_tests: Sequence[RowTest], equal: str, steps: str) -> str:
    parts = []
    for verdict, phrase in _PHRASES.items():
        held = [row_test for row_test in row_tests if row_test.verdict == verdict]
        at = sorted(
            row_test.timesteps
            + (row_test.other.presimulation_steps if equal == "equal_steps" else 0)
            for row_test in held
        )
        if at:
            parts.append(f"{phrase} at {steps} = {', '.join(map(str, at))}")
    return "; ".join(parts)


_PHRASES = {
    "better": "significantly better",
    "worse": "significantly worse",
    "n.s.": "no significant difference",
}


def _headings(frame: pd.DataFrame, by: str) -> tuple[str, ...]:
    return tuple(f"{_BY[by]}={steps}" for steps in sorted(frame[by].unique()))


def _pivot(
    frame: pd.DataFrame, by: str, entry: Callable[[pd.Series], Cell], with_ann: bool
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """One line per row of the comparison, one column per number of steps; first their divisions."""
    divisions, lines = [], []
    for _, group in frame.groupby(list(Row._fields), sort=False, dropna=False):
        first = group.iloc[0]
        most = group.loc[group["seeds"].idxmax()]  # seeds may differ between T
        ann = (percent(most.ann_accuracy), percent(most.ann_noisy_accuracy)) if with_ann else ()
        found = {line[by]: entry(line) for _, line in group.iterrows()}
        steps = (found.get(step) for step in sorted(frame[by].unique()))
        tau = first.presimulation_steps
        divisions.append(first.division)
        lines.append(cells(first.label, first.backend, first.levels, tau, *ann, *steps))
    return tuple(divisions), lines


def _source_accuracy(source: NamedTuple, steps: int) -> tuple[Cell, ...]:
    """The line of a source network, which has no steps."""
    energy = significant(source.ann_energy_nj / 1000)
    ann = Cell(percent(source.ann_accuracy), spread="" if energy == MISSING else f"({energy} μJ)")
    noisy = percent(source.ann_noisy_accuracy)
    return cells(
        f"ANN of {source.training}", None, source.levels, None, ann, noisy, *[None] * steps
    )


def _source_cost(source: NamedTuple) -> tuple[Cell, ...]:
    energy = significant(source.ann_energy_nj / 1000)
    over = None if energy == MISSING else "1"
    counted = (scaled(source.ann_macs), energy, over)
    return cells(
        f"ANN of {source.training}", None, source.levels, *[None] * 11, *counted, None, None
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


def _latency(median: float, iqr: float) -> Cell:
    """Older records do not say what range batch 1 had."""
    spread = "" if pd.isna(iqr) else f"(IQR {significant(iqr, 2)})"
    return Cell(significant(median), spread=spread)
