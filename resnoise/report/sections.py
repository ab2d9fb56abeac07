"""A report before it is Markdown, LaTeX or HTML: one section a data set and architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd

from resnoise.analysis.caveats import own_recipes, warnings
from resnoise.analysis.missing import describe_missing, missing_cells
from resnoise.analysis.parity import backend_parity
from resnoise.analysis.rows import by_section, comparison_frame, group_records
from resnoise.analysis.significance import Reference, RowTest, hold_row_tests, pairings
from resnoise.analysis.source_networks import source_networks
from resnoise.errors import RecordError
from resnoise.records.record import Record, RecordKey
from resnoise.records.training_record import TrainingRecord
from resnoise.report.divisions import break_even
from resnoise.report.paired_test_tables import row_test_table
from resnoise.report.plots import accuracy_figure, latency_figure
from resnoise.report.provenance_tables import provenance_table, trainings_table
from resnoise.report.published_tables import published_tables
from resnoise.report.residual_plots import histogram_figure, sigma_figure
from resnoise.report.result_tables import accuracy_table, cost_table, spread_table, summaries
from resnoise.report.svg import assign_looks, draw_svg, identifier
from resnoise.report.table import Table


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; `wide` ones get a line of their own."""

    name: str
    title: str
    caption: str
    draw: Callable[[], str]
    wide: bool = False

    @cached_property
    def svg(self) -> str:
        """The picture, drawn when it is first asked for."""
        return self.draw()


@dataclass(frozen=True)
class Section:
    """All that is said of one data set and architecture."""

    dataset: str
    architecture: str
    frame: pd.DataFrame
    row_tests: list[RowTest]
    summaries: list[str]
    remarks: list[str]
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


def make_report(
    records: Sequence[Record],
    trainings: Sequence[TrainingRecord] = (),
    *,
    reference: Reference,
    published: pd.DataFrame | None = None,
    expected: Iterable[RecordKey] | None = None,
) -> Report:
    """Compare `records`; see `resnoise.report.write_report` for the arguments."""
    if not records:
        raise RecordError("there is nothing to compare: no records; run a comparison first")
    refusals: dict[str, None] = {}
    sections = []
    for (dataset, architecture), here in by_section(records).items():
        groups = group_records(here, reference.method)
        row_tests, refused = hold_row_tests(pairings(groups, reference))
        refusals.update(dict.fromkeys(refused))
        frame, sources = comparison_frame(groups), source_networks(groups)
        residuals = [
            training
            for training in trainings
            if (training.dataset, training.architecture) == (dataset, architecture)
            and training.residual is not None
        ]
        residuals.sort(key=lambda training: training.method != reference.method)
        levels = sorted({training.levels for training in residuals if training.levels})
        # Errors of different L are not of one distribution, so a figure shows one of them.
        shown = reference.levels if reference.levels in levels else next(iter(levels), None)
        residuals = [t for t in residuals if t.levels in (None, shown)]
        sections.append(
            Section(
                dataset=dataset,
                architecture=architecture,
                frame=frame,
                row_tests=row_tests,
                summaries=[*summaries(row_tests), *break_even(frame)],
                remarks=_remarks(here, residuals, levels, shown),
                tables=list(_tables(frame, sources, row_tests, reference)),
                figures=list(
                    _figures(identifier(f"{dataset}-{architecture}"), frame, sources, residuals)
                ),
                published=[]
                if published is None
                else list(published_tables(published, frame, dataset, architecture)),
                trainings=trainings_table(here, reference),
                provenance=provenance_table(here),
            )
        )
    return Report(
        reference,
        [*warnings(records, reference), *refusals],
        describe_missing(missing_cells(records, expected)),
        sections,
    )


def _remarks(
    records: Sequence[Record],
    residuals: Sequence[TrainingRecord],
    levels: Sequence[int],
    shown: int | None,
) -> list[str]:
    remarks = [f"Backends: {sentence}" for sentence in backend_parity(records)]
    remarks += own_recipes(records)
    if not residuals:
        remarks.append("No training recorded its residual error, so its figures are left out.")
    if len(levels) > 1:
        remarks.append(f"The figures of the residual error show L = {shown}.")
    return remarks


def _tables(
    frame: pd.DataFrame,
    sources: pd.DataFrame,
    row_tests: Sequence[RowTest],
    reference: Reference,
) -> Iterator[Table]:
    yield accuracy_table(frame, sources, row_tests, reference, "timesteps")
    if frame["presimulation_steps"].any():
        yield accuracy_table(frame, sources, row_tests, reference, "total_steps")
    if row_tests:
        yield row_test_table(row_tests, reference)
    yield spread_table(frame)
    yield cost_table(frame, sources)


def _figures(
    section: str,
    frame: pd.DataFrame,
    sources: pd.DataFrame,
    residuals: Sequence[TrainingRecord],
) -> Iterator[Figure]:
    trained = (training.method for training in residuals)
    looks = assign_looks([*frame["label"], *trained, *sources["training"]])

    def figure(
        name: str, title: str, caption: str, make: Callable, *arguments: object, wide: bool = False
    ) -> Figure:
        draw = partial(draw_svg, f"{section}-{name}", partial(make, *arguments))
        return Figure(name, title, caption, draw, wide)

    bands = "Bands are 95 % Wilson intervals over test images."
    if len(sources):
        bands += " Level lines are the source networks, without spikes."
    curves = (frame, sources)
    yield figure(
        "accuracy",
        "Accuracy against time steps",
        f"Accuracy at each T. {bands}",
        accuracy_figure,
        *curves,
        "timesteps",
        looks,
    )
    yield figure(
        "steps",
        "Accuracy against total steps",
        f"The same against all steps that were simulated, τ + T. {bands}",
        accuracy_figure,
        *curves,
        "total_steps",
        looks,
    )
    ann = ""
    if frame["ann_energy_nj"].notna().any():
        ann = " The dotted line is one pass of the network without spikes, each star one of these."
    yield figure(
        "energy",
        "Accuracy against energy",
        "Accuracy against estimated energy, each curve in the order of T; up and left is better."
        + ann,
        accuracy_figure,
        *curves,
        "energy_nj",
        looks,
    )
    yield figure(
        "latency",
        "Latency",
        "Latency by backend; bars are medians, whiskers the IQR.",
        latency_figure,
        frame,
    )
    if residuals:
        timesteps = ", ".join(map(str, sorted({t.residual.timesteps for t in residuals})))
        yield figure(
            "residual",
            "Residual error",
            "Residual error of each layer, source network less spiking network after "
            f"T = {timesteps} steps on validation images, in units of its θ.",
            histogram_figure,
            residuals,
            looks,
            wide=True,
        )
        yield figure(
            "sigma",
            "Residual error by layer",
            "Its standard deviation and mean, layer by layer: means over seeds, from the smallest "
            "to the largest seed.",
            sigma_figure,
            residuals,
            looks,
            wide=True,
        )
