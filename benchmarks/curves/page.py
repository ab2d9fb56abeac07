"""The first page of the curves: accuracy and R(T) on both libraries, at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from benchmarks.curves.chart import Line, chart
from benchmarks.curves.published import Point, Published
from resnoise.report.html import render

HERE = Path(__file__).parent
BACKENDS = {"norse": "Norse", "snntorch": "snnTorch"}
METHODS = ("nq", "qcfs", "srp", "cos", "direct")
ERROR_RATE = "accuracy.ErrorRate.track_error_rate"
OVERHEAD = "latency.OverheadRatio.track_overhead_ratio"


class Figure(NamedTuple):
    """One chart.

    Attributes:
        title: what it shows.
        svg: the chart; empty where nothing was measured.
        legend: names of its colours, by their number in the style.
        address: of asv's interactive graph of the same.
    """

    title: str
    svg: Markup
    legend: dict[int, str]
    address: str


def first_page(published: Published) -> str:
    """The page, of what asv published."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for name, benchmark in sorted(published.benchmarks.items()):
        file = name.partition(".")[0]
        title = benchmark.get("pretty_name") or name.partition(".")[2]
        groups.setdefault(file, []).append((title, benchmark["unit"], published.address(name)))
    return render(
        "curves.html.jinja",
        folder=HERE,
        machine=published.machine,
        accuracy=[_accuracy(published, timesteps) for timesteps in (1, 4)],
        overhead=[_overhead(published, name) for name in ("resnet20", "digits-cnn")],
        groups=groups,
    )


def _accuracy(published: Published, timesteps: int) -> Figure:
    """Lines are of Norse and rings of snnTorch: where the two agree, a ring is on its line."""
    lines, legend = [], {}
    for colour, method in enumerate(METHODS):
        for backend, library in BACKENDS.items():
            points = [
                point._replace(value=100 * (1 - point.value))
                for point in published.curve(
                    ERROR_RATE, method=method, backend=backend, timesteps=timesteps
                )
            ]
            if points:
                legend[colour] = method
                name = f"{method} on {library}"
                lines.append(Line(name, points, colour, rings=backend == "snntorch"))
    title = f"Accuracy at T = {timesteps}, per cent of the test images of digits"
    where = {"backend": list(BACKENDS), "method": "nq", "timesteps": timesteps}
    return Figure(title, chart(lines, title, "%"), legend, published.address(ERROR_RATE, **where))


def _overhead(published: Published, architecture: str) -> Figure:
    lines = list(_overhead_lines(published, architecture))
    title = f"R(4) of {architecture} on 64 images: a time step over a pass of the network as it was"
    where = {"architecture": architecture, "timesteps": 4, "batch": 64}
    return Figure(
        title,
        chart(lines, title, "times"),
        {line.colour: line.name for line in lines},
        published.address(OVERHEAD, backend=list(BACKENDS), **where),
    )


def _overhead_lines(published: Published, architecture: str) -> Iterator[Line]:
    for colour, (backend, library) in enumerate(BACKENDS.items()):
        points: list[Point] = published.curve(
            OVERHEAD, backend=backend, architecture=architecture, timesteps=4, batch=64
        )
        if points:
            yield Line(library, points, colour)
