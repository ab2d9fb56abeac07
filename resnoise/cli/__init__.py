"""The command line; `resnoise --help` lists its verbs."""

from __future__ import annotations

import sys
import warnings

from rich.console import Console

from resnoise.cli import check, commands, studies  # noqa: F401 - they add their verbs to the app
from resnoise.cli.application import app
from resnoise.errors import ResnoiseError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; an error of the user's is one line on stderr and exit status 1."""
    errors = Console(stderr=True, highlight=False, emoji=False)
    warnings.showwarning = lambda message, category, *rest: errors.print(
        f"warning: {message}", style="yellow", markup=False
    )
    try:
        app()
    except ResnoiseError as error:
        errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
