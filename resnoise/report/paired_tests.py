"""The table of a section's paired tests, and what every table of paired tests has."""

from __future__ import annotations

from collections.abc import Sequence

from resnoise.report.contests import Contest, several_levels
from resnoise.report.groups import Row
from resnoise.report.reference import Reference
from resnoise.report.table import Cell, Table, cells, p_value, points
from resnoise.statistics import Interval


def contest_table(contests: Sequence[Contest], reference: Reference) -> Table:
    """Every paired test, with what it says of the reference."""
    bases = {(True, True): "T and τ+T", (True, False): "T", (False, True): "τ+T"}
    several = several_levels(contests) or len({c.reference.contender for c in contests}) > 1
    rows = [
        cells(
            contest.other.label,
            ", ".join(contest.backends),
            contest.verdict,
            bases[contest.equal_timesteps, contest.equal_steps],
            _steps(contest.reference, contest.reference_timesteps, several),
            _steps(contest.other, contest.timesteps, several),
            *outcome,
        )
        for contest, outcome in zip(contests, outcomes(contests), strict=True)
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
            *outcome_columns(contests, reference.method, "other"),
        ),
        rows=rows,
        labels=4,
        notes=outcome_notes(contests),
    )


def outcome_columns(contests: Sequence[Contest], reference: str, other: str) -> tuple[str, ...]:
    """Headings of `outcomes`; `reference` and `other` are the names of the two sides."""
    return (
        "pairs",
        f"only {reference} right",
        f"only {other} right",
        "difference (points)",
        *(["over seeds"] if _over_seeds(contests) else []),
        "p",
        "p, Holm",
    )


def outcomes(contests: Sequence[Contest]) -> list[tuple[Cell, ...]]:
    """What came out of each test."""
    with_seeds = _over_seeds(contests)
    return [
        cells(
            contest.result.pairs,
            contest.result.first_only,
            contest.result.second_only,
            Cell(points(contest.result.difference), bold=contest.verdict != "n.s."),
            *([_interval(contest.over_seeds)] if with_seeds else []),
            p_value(contest.result.p),
            p_value(contest.p_holm),
        )
        for contest in contests
    ]


def outcome_notes(contests: Sequence[Contest]) -> list[str]:
    """How the tests were made, and what they are about."""
    return [
        "McNemar's exact two-sided test on the seeds and test images that both have, where an "
        "image that several seeds share changes sides as a whole; Holm's correction over the "
        f"{len(contests)} tests of this table; significant below 0.05 after correction, and only "
        "then in bold. Backends that agree on every image count once.",
        _SEEDS_NOTE
        if _over_seeds(contests)
        else "One seed: a small p is about these networks only.",
    ]


_SEEDS_NOTE = (
    "A small p is about these trained networks. Over seeds: 95 % interval of the difference over "
    "trainings with other seeds, Student's t on the differences seed by seed; where it holds 0, "
    "another seed may turn the order round. Where seeds are folds, whose training images overlap, "
    "with the correction of Nadeau and Bengio."
)


def _over_seeds(contests: Sequence[Contest]) -> bool:
    return any(contest.over_seeds for contest in contests)


def _interval(interval: Interval | None) -> Cell | None:
    return interval and Cell(f"[{points(interval.low)}, {points(interval.high)}]")


def _steps(row: Row, timesteps: int, with_name: bool) -> str:
    tau = row.presimulation_steps
    steps = f"{tau}+{timesteps}" if tau else str(timesteps)
    levels = f", L={row.levels}" if row.levels else ""
    return f"{steps} ({row.label}{levels})" if with_name else steps
