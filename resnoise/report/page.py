"""The comparison as one HTML page."""

from __future__ import annotations

from markupsafe import Markup

from resnoise.report.documents import CONTINUE
from resnoise.report.sections import Report
from resnoise.report.template import render

_MARKS = {
    "▲": ("better", "significantly better than the reference method"),
    "▼": ("worse", "significantly worse than the reference method"),
    "≈": ("even", "no significant difference to the reference method"),
    "≷": ("even", "differs between rows of the reference method"),
}


def html_page(report: Report) -> str:
    """Tables, figures and notes of `report` with style and pictures inside the page."""
    return render(
        "report/page.html.jinja",
        report=report,
        marks=_MARKS,
        advice=CONTINUE,
        svg=lambda figure: Markup(figure.svg),
    )
