"""The comparison as one HTML page that needs nothing but itself."""

from __future__ import annotations

import re
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from resnoise.report.documents import CONTINUE
from resnoise.report.sections import Report

_MARKS = {
    "▲": ("better", "significantly better than the reference method"),
    "▼": ("worse", "significantly worse than the reference method"),
    "≈": ("even", "no significant difference to the reference method"),
}


def html_page(report: Report) -> str:
    """Tables, figures and notes of `report` with style and pictures inside the page."""
    environment = Environment(
        loader=PackageLoader("resnoise.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["linked"] = _linked
    environment.filters["code"] = _code
    style = files("resnoise.report").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(
        report=report,
        style=Markup(style),
        marks=_MARKS,
        advice=CONTINUE,
        svg=lambda figure: Markup(figure.svg),
    )


def _linked(text: str) -> Markup:
    """`text` escaped, with its web addresses as links."""
    return Markup(re.sub(r"https?://[^\s,()<>&]+", r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def _code(text: str) -> Markup:
    """`text` escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
