"""Pages that need nothing but themselves: style, figures and tables as CSV are inside."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from resnoise.report.csv import table_csv
from resnoise.report.svg import figure_style
from resnoise.report.table import Table


def render(template: str, *, folder: Path | None = None, **values: object) -> str:
    """Fill in a template that extends `report/base.html.jinja`.

    Args:
        template: its path within the package, or within `folder`.
        folder: of templates that are not part of the package.
        values: what it names. `report/table.html.jinja` wants `marks`: for each mark of a cell its
            class in the style and what it means.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("resnoise", "."), *([FileSystemLoader(folder)] if folder else [])]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["linked"] = _linked
    environment.filters["code"] = _code
    environment.filters["csv_link"] = _csv_link
    style = files("resnoise.report").joinpath("page.css").read_text(encoding="utf-8")
    style += figure_style()
    return environment.get_template(template).render(style=Markup(style), **values)


def _linked(text: str) -> Markup:
    """`text` escaped, with its web addresses as links."""
    return Markup(re.sub(r"https?://[^\s,()<>&]+", r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def _code(text: str) -> Markup:
    """`text` escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _csv_link(table: Table) -> str:
    """An address that holds the whole table."""
    return f"data:text/csv;charset=utf-8,{quote(table_csv(table), safe=',')}"
