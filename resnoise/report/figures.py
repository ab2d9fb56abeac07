"""The figures of a section, each with its caption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import pandas as pd

from resnoise.analysis.recipes import Conditions
from resnoise.analysis.significance import Reference
from resnoise.records.record import Record
from resnoise.records.training_record import TrainingRecord
from resnoise.report.canvas import Heading
from resnoise.report.curves import crowded, curves
from resnoise.report.latency_plot import latency_figure, shared_timesteps
from resnoise.report.looks import Looks, method_looks
from resnoise.report.plots import MOST_BANDS, accuracy_figure
from resnoise.report.residual_plots import residual_figure
from resnoise.report.svg import Drawing, draw_svg, identifier, standalone
from resnoise.utils.text import spoken


@dataclass(frozen=True)
class Figure:
    """A picture with its caption.

    Attributes:
        name: identifier, unique in its section.
        title: what is shown.
        measured: recipe, data, network and seeds.
        caption: how to read it.
        draw: makes the `<svg>` element.
    """

    name: str
    title: str
    measured: str
    caption: str
    draw: Callable[[], str]

    @cached_property
    def svg(self) -> str:
        """The picture, drawn when it is first asked for."""
        return self.draw()

    @property
    def file(self) -> str:
        """The picture as a file, which says by itself what it shows."""
        return standalone(self.svg, f"{self.title}: {self.measured}", self.caption)


def section_figures(
    records: Sequence[Record],
    frame: pd.DataFrame,
    sources: pd.DataFrame,
    residuals: Sequence[TrainingRecord],
    reference: Reference,
    measured: Conditions,
) -> Iterator[Figure]:
    """The figures of a section, those that it has data for.

    Args:
        records: of the section.
        frame: its `comparison_frame`.
        sources: its `source_networks`.
        residuals: trainings that recorded their residual error.
        reference: the method that is drawn first.
        measured: what stands above each.
    """
    trained = (training.method for training in residuals)
    looks = method_looks([*frame["method"], *trained, *sources["training"]])
    section = identifier("-".join((records[0].dataset, records[0].architecture)))

    def figure(
        name: str, title: str, caption: str, make: Callable[..., Drawing], *arguments: object
    ) -> Figure:
        heading = Heading(title, str(measured))
        draw = partial(draw_svg, f"{section}-{name}", partial(make, *arguments, heading))
        return Figure(name, title, str(measured), caption, draw)

    accuracy = partial(_accuracy, figure, frame, sources, looks)
    yield accuracy("accuracy", "Accuracy against time steps", "timesteps")
    if frame["presimulation_steps"].any():
        yield accuracy("steps", "Accuracy against total steps", "total_steps")
    if frame["energy_nj"].notna().any():
        yield accuracy("energy", "Accuracy against energy", "energy_nj")
    if (latency := _latency(figure, records, frame)) is not None:
        yield latency
    if residuals:
        yield _residual(figure, residuals, looks, reference)


def _accuracy(
    figure: Callable[..., Figure],
    frame: pd.DataFrame,
    sources: pd.DataFrame,
    looks: Looks,
    name: str,
    title: str,
    by: str,
) -> Figure:
    said = {
        "timesteps": "Accuracy at each T.",
        "total_steps": "The same against all steps that were simulated, τ + T.",
        "energy_nj": "Each curve in the order of T; up and left is better.",
    }[by]
    if by == "energy_nj":
        if frame["ann_energy_nj"].notna().any():
            said += (
                " The dotted line is one pass of the network without spikes, each star one of "
                "these."
            )
    else:
        if len(curves(frame, by)) <= MOST_BANDS:
            said += " Bands are 95 % Wilson intervals over test images."
        if len(sources):
            said += " Level lines are the source networks, without spikes."
    if len(crowded(frame)):
        said += " On the right the same where the curves crowd."
    return figure(name, title, said, accuracy_figure, frame, sources, by, looks)


def _latency(
    figure: Callable[..., Figure], records: Sequence[Record], frame: pd.DataFrame
) -> Figure | None:
    places = {(record.machine, record.device, record.threads) for record in records}
    relative = len(places) > 1
    column = "overhead_ratio" if relative else "latency_ms_per_image"
    known = frame.dropna(subset=column)
    if known.empty:
        return None
    timesteps = shared_timesteps(known)
    at = "each row's largest T" if timesteps is None else f"T = {timesteps}"
    if not relative:
        caption = "Medians, and whiskers over the interquartile range."
        return figure("latency", f"Latency at {at}", caption, latency_figure, frame, False)
    caption = (
        f"Measured in {len(places)} places, so in units of what one pass of the ANN takes in the "
        "same place; on the dotted line a step takes as long as that."
    )
    return figure("latency", f"Relative latency at {at}", caption, latency_figure, frame, True)


def _residual(
    figure: Callable[..., Figure],
    residuals: Sequence[TrainingRecord],
    looks: Looks,
    reference: Reference,
) -> Figure:
    levels = sorted({training.levels for training in residuals if training.levels})
    # Errors of different L are not of one distribution, so a figure shows one of them.
    shown = reference.levels if reference.levels in levels else next(iter(levels), None)
    chosen = [training for training in residuals if training.levels in (None, shown)]
    chosen.sort(key=lambda training: training.method != reference.method)
    steps = spoken(sorted({training.residual.timesteps for training in chosen}))
    of = f" of the networks with L = {shown}" if len(levels) > 1 else ""
    caption = (
        f"The error e{of}: source network less spiking network after T = {steps} steps on "
        "validation images, in units of each layer's θ. Points are means over seeds, bars from the "
        "smallest to the largest seed."
    )
    return figure("residual", "Residual error", caption, residual_figure, chosen, looks)
