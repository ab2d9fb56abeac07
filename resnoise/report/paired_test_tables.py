"""The table of a section's paired tests, and what every table of paired tests has."""

from __future__ import annotations

from collections.abc import Sequence

from resnoise.analysis.rows import Row
from resnoise.analysis.significance import Reference, RowTest, several_levels
from resnoise.analysis.statistics import Interval
from resnoise.report.table import Cell, Table, cells, p_value, points


def row_test_table(row_tests: Sequence[RowTest], reference: Reference) -> Table:
    """Every paired test, with what it says of the reference."""
    bases = {(True, True): "T and τ+T", (True, False): "T", (False, True): "τ+T"}
    several = several_levels(row_tests) or len({c.reference.contender for c in row_tests}) > 1
    rows = [
        cells(
            row_test.other.label,
            ", ".join(row_test.backends),
            row_test.verdict,
            bases[row_test.equal_timesteps, row_test.equal_steps],
            _steps(row_test.reference, row_test.reference_timesteps, several),
            _steps(row_test.other, row_test.timesteps, several),
            *outcome,
        )
        for row_test, outcome in zip(row_tests, outcomes(row_tests), strict=True)
    ]
    return Table(
        name="paired-tests",
        title=f"Paired tests: {reference} against each other method",
        columns=(
            "against",
            "backends",
            f"{reference.method} is",
            "equal",
            f"steps, {reference.method}",
            "steps, other",
            *outcome_columns(row_tests, reference.method, "other"),
        ),
        rows=rows,
        labels=4,
        notes=outcome_notes(row_tests),
    )


def outcome_columns(row_tests: Sequence[RowTest], reference: str, other: str) -> tuple[str, ...]:
    """Headings of `outcomes`; `reference` and `other` are the names of the two sides."""
    return (
        "pairs",
        f"only {reference} right",
        f"only {other} right",
        "difference (points)",
        *(["over seeds"] if _over_seeds(row_tests) else []),
        "p",
        "p, Holm",
    )


def outcomes(row_tests: Sequence[RowTest]) -> list[tuple[Cell, ...]]:
    """What came out of each test."""
    with_seeds = _over_seeds(row_tests)
    return [
        cells(
            row_test.result.pairs,
            row_test.result.first_only,
            row_test.result.second_only,
            Cell(points(row_test.result.difference), bold=row_test.verdict != "n.s."),
            *([_interval(row_test.over_seeds)] if with_seeds else []),
            p_value(row_test.result.p),
            p_value(row_test.p_holm),
        )
        for row_test in row_tests
    ]


def outcome_notes(row_tests: Sequence[RowTest]) -> list[str]:
    """How the tests were made, and what they are about."""
    return [
        "McNemar's exact two-sided test on the seeds and test images that both have, where an "
        "image that several seeds share changes sides as a whole; Holm's correction over the "
        f"{len(row_tests)} tests of this table; significant below 0.05 after correction, and only "
        "then in bold. Backends that agree on every image count once.",
        _SEEDS_NOTE
        if _over_seeds(row_tests)
        else "One seed: a small p is about these networks only.",
    ]


_SEEDS_NOTE = (
    "A small p is about these trained networks. Over seeds: 95 % interval of the difference over "
    "trainings with other seeds, Student's t on the differences seed by seed; where it includes 0, "
    "another seed may turn the order round. `mixed`: significant, but seeds do not agree on which "
    "is ahead. Where seeds are folds, whose training images overlap, "
    "with the correction of Nadeau and Bengio."
)


def _over_seeds(row_tests: Sequence[RowTest]) -> bool:
    return any(row_test.over_seeds for row_test in row_tests)


def _interval(interval: Interval | None) -> Cell | None:
    return interval and Cell(f"[{points(interval.low)}, {points(interval.high)}]")


def _steps(row: Row, timesteps: int, with_name: bool) -> str:
    tau = row.presimulation_steps
    steps = f"{tau}+{timesteps}" if tau else str(timesteps)
    levels = f", L={row.levels}" if row.levels else ""
    return f"{steps} ({row.label}{levels})" if with_name else steps
