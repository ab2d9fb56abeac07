"""Text on the terminal: never markup, and without control characters.

Names of methods, data sets and files come from files that others may have written.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from resnoise.cli.application import app
from resnoise.utils.text import escaped, one_line


class PlainConsole(Console):
    """A console that prints every text as it is, except for what would change the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make `text` printable; lines of it stay lines."""
        return super().render_str("\n".join(map(escaped, text.split("\n"))), **options)


def print_error(error: object) -> None:
    """Print an error as one line on stderr."""
    _print_line(f"error: {error}", "red")


def print_stopped(done: object) -> None:
    """Print on stderr what is done of work that ended before its deadline."""
    _print_line(f"stopped in time: {done}; the same command resumes", "yellow")


def print_warning(message: object) -> None:
    """Print a warning as one line on stderr."""
    _print_line(f"warning: {message}", "yellow")


def _print_line(text: str, style: str) -> None:
    # Made when it is used, since tests and notebooks put another stderr in its place.
    console = PlainConsole(stderr=True, highlight=False)
    console.print(one_line(_as_options(text)), style=style, soft_wrap=True)


def _as_options(text: str) -> str:
    """The library names its own parameters, as `bf16`; here the user sets them as --bf16."""
    commands = typer.main.get_command(app).commands.values()
    options = {option.name for command in commands for option in command.params}

    def spelt(match: re.Match[str]) -> str:
        name = match[1]
        return f"--{name.replace('_', '-')}" if name in options else match[0]

    return re.sub(r"`(\w+)`", spelt, text)
