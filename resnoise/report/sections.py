"""A report before it is Markdown, LaTeX or HTML: one section a data set and architecture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from resnoise.analysis.caveats import warnings
from resnoise.analysis.missing import describe_missing, missing_cells
from resnoise.analysis.parity import backend_parity, without_repeats
from resnoise.analysis.recipes import Conditions, conditions
from resnoise.analysis.rows import by_section, comparison_frame, group_records
from resnoise.analysis.significance import Reference, RowTest, hold_row_tests, pairings
from resnoise.analysis.source_networks import source_networks
from resnoise.errors import RecordError
from resnoise.records.record import Record, RecordKey
from resnoise.records.training_record import TrainingRecord
from resnoise.report.conclusions import conclusions
from resnoise.report.cost_table import cost_table
from resnoise.report.figures import Figure, section_figures
from resnoise.report.paired_test_tables import row_test_table
from resnoise.report.provenance_tables import provenance_table, trainings_table
from resnoise.report.published_tables import Published, published_tables
from resnoise.report.result_tables import accuracy_table, spread_table, total_steps_table
from resnoise.report.svg import identifier
from resnoise.report.table import Table


@dataclass(frozen=True)
class Section:
    """All that is said of one data set and architecture."""

    conditions: Conditions
    dataset: str
    architecture: str
    frame: pd.DataFrame
    row_tests: list[RowTest]
    summaries: list[str]
    tables: list[Table]
    figures: list[Figure]
    published: list[Table]
    trainings: Table
    provenance: Table

    @property
    def name(self) -> str:
        """Identifier within the report."""
        return identifier(f"{self.dataset}-{self.architecture}")


@dataclass(frozen=True)
class Report:
    """A whole comparison."""

    reference: Reference
    warnings: list[str]
    missing: list[str]
    sections: list[Section]

    @property
    def subject(self) -> str:
        """Data sets and architectures."""
        return "; ".join(section.conditions.subject for section in self.sections)

    @property
    def title(self) -> str:
        """What was compared, and under which conditions."""
        return "; ".join(str(section.conditions) for section in self.sections)


def make_report(
    records: Sequence[Record],
    trainings: Sequence[TrainingRecord] = (),
    *,
    reference: Reference,
    published: Published | None = None,
    expected: Iterable[RecordKey] | None = None,
) -> Report:
    """Compare `records`; see `resnoise.report.write_report` for the arguments."""
    if not records:
        raise RecordError("there is nothing to compare: no records; run a comparison first")
    refusals: dict[str, None] = {}
    sections = []
    for place, here in by_section(records).items():
        section, refused = _section(
            here, _with_residual(trainings, place), reference=reference, published=published
        )
        sections.append(section)
        refusals.update(dict.fromkeys(refused))
    return Report(
        reference,
        [*warnings(records, reference), *refusals],
        describe_missing(missing_cells(records, expected)),
        sections,
    )


def _with_residual(
    trainings: Iterable[TrainingRecord], place: tuple[str, str]
) -> list[TrainingRecord]:
    return [
        training
        for training in trainings
        if (training.dataset, training.architecture) == place and training.residual is not None
    ]


def _section(
    records: Sequence[Record],
    residuals: Sequence[TrainingRecord],
    *,
    reference: Reference,
    published: Published | None,
) -> tuple[Section, list[str]]:
    """All that is said of a data set and architecture, and which tests were refused."""
    groups = group_records(records, reference.method)
    row_tests, refused = hold_row_tests(pairings(groups, reference))
    frame, sources = comparison_frame(groups), source_networks(groups)
    distinct = without_repeats(frame, groups)
    measured = conditions(records)
    place = records[0].dataset, records[0].architecture
    tables = (
        accuracy_table(distinct, sources, row_tests, reference, backend_parity(records)),
        total_steps_table(distinct, row_tests, reference),
        spread_table(distinct),
        cost_table(frame, sources),
        row_test_table(row_tests, reference) if row_tests else None,
    )
    section = Section(
        conditions=measured,
        dataset=place[0],
        architecture=place[1],
        frame=frame,
        row_tests=row_tests,
        summaries=conclusions(frame, row_tests, reference),
        tables=[table for table in tables if table is not None],
        figures=list(section_figures(records, frame, sources, residuals, reference, measured)),
        published=[] if published is None else list(published_tables(published, distinct, *place)),
        trainings=trainings_table(records, reference, residuals),
        provenance=provenance_table(records),
    )
    return section, refused
