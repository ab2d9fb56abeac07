"""Pages that need nothing but themselves: templates of this folder, with the style inside."""

from __future__ import annotations

import re
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_MARKS = {
    "▲": ("better", "significantly better than the reference method"),
    "▼": ("worse", "significantly worse than the reference method"),
    "≈": ("even", "no significant difference to the reference method"),
}


def render(template: str, **values: object) -> str:
    """A page from a template of `resnoise/report` and what it shows."""
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
    return environment.get_template(template).render(style=Markup(style), marks=_MARKS, **values)


def _linked(text: str) -> Markup:
    """`text` escaped, with its web addresses as links."""
    return Markup(re.sub(r"https?://[^\s,()<>&]+", r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def _code(text: str) -> Markup:
    """`text` escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
