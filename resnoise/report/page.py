"""The comparison as one HTML page that needs nothing but itself."""

from __future__ import annotations

from markupsafe import Markup

from resnoise.report.documents import CONTINUE
from resnoise.report.html import render
from resnoise.report.sections import Report


def html_page(report: Report) -> str:
    """Tables, figures and notes of `report` with style and pictures inside the page."""
    return render(
        "page.html.jinja",
        report=report,
        advice=CONTINUE,
        svg=lambda figure: Markup(figure.svg),
    )
