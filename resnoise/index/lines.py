"""Lines of the index: a network, as one method, at one T, on the backends that agree on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from resnoise.analysis.recipes import augmentation_of, start_of
from resnoise.analysis.rows import Row, row_of
from resnoise.analysis.significance import Reference, verdict_of
from resnoise.records.record import Record
from resnoise.report.comparisons import ComparisonFolder
from resnoise.report.sections import Report, Section
from resnoise.report.svg import identifier


@dataclass
class Line:
    """One line.

    Attributes:
        comparison: name of the folder that it is from, the first of several in the alphabet.
        reference: what it was tested against there.
        section: identifier of its section on the page of that comparison.
        row: the row of that comparison, of its first backend.
        figures: the line of `comparison_frame` for it and T.
        records: one per seed.
        verdict: what the tests at equal T say of it, see `verdict_of`.
        verdict_of_total: the same at equal τ + T.
        overhead: R(T) by backend; the backends gave the same outcome on every image.
        also_in: other comparisons with the very same outcomes.
    """

    comparison: str
    reference: Reference
    section: str
    row: Row
    figures: pd.Series
    records: list[Record]
    verdict: str
    verdict_of_total: str
    overhead: dict[str, float]
    also_in: list[str] = field(default_factory=list)
    name: str = ""

    @property
    def is_reference(self) -> bool:
        """Whether the others were tested against this one."""
        return self.row in self.reference

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything that decided the training of its first network."""
        return self.records[0].recipe


def lines_of(comparisons: Mapping[str, tuple[ComparisonFolder, Report]]) -> list[Line]:
    """Every evaluation of these comparisons, each once.

    Backends that agree image by image share a line, and so do comparisons that repeat another's
    records. Lines of one data set and network follow each other, plain ones first.

    Args:
        comparisons: by name, each with its report.
    """
    found: dict[tuple, Line] = {}
    for comparison, report in comparisons.values():
        records = comparison.store.load()
        for section in report.sections:
            for line in _lines(comparison, section, records):
                same = found.setdefault(_identity(line), line)
                if same is line:
                    continue
                if same.comparison == line.comparison:
                    same.overhead |= line.overhead
                elif line.comparison not in same.also_in:
                    same.also_in.append(line.comparison)
    lines = sorted(
        found.values(), key=lambda line: (*line.row.section, line.row.division != "plain")
    )
    names: set[str] = set()
    for line in lines:
        line.name = _name(line, names)
        names.add(line.name)
    return lines


def _lines(comparison: ComparisonFolder, section: Section, records: list[Record]) -> Iterator[Line]:
    at_equal_steps = [test for test in section.row_tests if test.equal_steps]
    at_equal_t = [test for test in section.row_tests if test.equal_timesteps]
    for _, figures in section.frame.iterrows():
        row, timesteps = row_of(figures), int(figures.timesteps)
        yield Line(
            comparison=comparison.name,
            reference=comparison.reference,
            section=section.name,
            row=row,
            figures=figures,
            records=sorted(
                (record for record in records if _is_of(record, row, timesteps)),
                key=lambda record: record.seed,
            ),
            verdict=verdict_of(at_equal_t, row, timesteps),
            verdict_of_total=verdict_of(at_equal_steps, row, timesteps),
            overhead={row.backend: float(figures.overhead_ratio)},
        )


def _is_of(record: Record, row: Row, timesteps: int) -> bool:
    """Whether a row has a record at T; only rows that need it name their training."""
    return record.timesteps == timesteps and all(
        getattr(record, name) == getattr(row, name)
        for name in Row._fields
        if name != "training" or row.training
    )


def _identity(line: Line) -> tuple:
    """Equal for evaluations with the same outcome, on whatever backend, in whatever comparison."""
    outcomes = tuple((r.checkpoint_sha256, r.test_ids, r.correct) for r in line.records)
    row = line.row
    method = (row.method, row.levels, row.presimulation_steps)
    return (*row.section, *method, line.records[0].timesteps, outcomes)


def _name(line: Line, taken: set[str]) -> str:
    """The identifier of a line on the page: the same as long as nothing else is called so."""
    levels = (f"L{line.row.levels}",) if line.row.levels else ()
    steps = f"T{int(line.figures.timesteps)}"
    parts = [line.comparison, *line.row.section, line.row.label, *levels, steps]
    name = identifier(".".join(parts))
    if name in taken:  # backends that do not agree
        name = identifier(".".join([*parts, *line.overhead]))
    return name


def recipe_in_words(record: Record) -> str:
    """What tells one training from another at a glance, lr being the learning rate.

    Examples:
        >>> from resnoise.records.store import RecordStore
        >>> recipe_in_words(RecordStore("results/tables/cifar10-from-8").load()[0])
        '60 epochs, lr 0.05, crop and flip, from λ = 8'
    """
    rate, start = record.recipe.get("learning_rate"), start_of(record)
    words = (
        f"{record.epochs} epochs",
        "" if rate is None else f"lr {rate:g}",
        augmentation_of(record),
        "" if start in ("", "λ from the data") else f"from {start}",
    )
    return ", ".join(filter(None, words))
