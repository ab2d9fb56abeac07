"""The comparison as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from resnoise.report.documents import CONTINUE
from resnoise.report.html import render
from resnoise.report.sections import Report, Section

MARKS = {
    "▲": ("better", "significantly better than the reference method"),
    "▼": ("worse", "significantly worse than the reference method"),
    "≈": ("even", "no significant difference to the reference method"),
    "≷": ("even", "rows of the reference method, or seeds, do not agree"),
}
"""Class in the style, and meaning, of each mark of a table."""

Link = tuple[str, str]
"""Identifier of a heading, and what its link says."""


def html_page(report: Report) -> str:
    """Tables, figures and notes of `report` with style and pictures inside the page."""
    return render(
        "report/comparison.html.jinja",
        report=report,
        marks=MARKS,
        advice=CONTINUE,
        contents_of=list(_contents(report)),
        svg=lambda figure: Markup(figure.svg),
    )


def _contents(report: Report) -> Iterator[tuple[str, list[Link]]]:
    """A heading for each section where there are several, and its links."""
    several = len(report.sections) > 1
    for section in report.sections:
        name = f"{section.dataset}, {section.architecture}" if several else ""
        yield name, list(_links(section))
    yield "", [("how", "How to read this")]


def _links(section: Section) -> Iterator[Link]:
    first, *others = section.tables
    yield f"{section.name}-{first.name}", first.title
    for figure in section.figures:
        yield f"{section.name}-figure-{figure.name}", figure.title
    for table in (*others, *section.published, section.trainings, section.provenance):
        yield f"{section.name}-{table.name}", table.title
