"""What Ctrl-C does to a command."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

INTERRUPTED = 130
"""Exit status of a program that SIGINT ended: 128 and the number of the signal."""

RESUMABLE = ("train", "compare", "ablate")
"""Commands that keep what they have done; the others, which take minutes, start anew."""


class Interruptible(TyperGroup):
    """Commands that say, when they are interrupted, what becomes of their work.

    Typer itself ends without a word.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the context names."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            goes_on = "; the same command goes on from what there is"
            text = f"interrupted{goes_on if ctx.invoked_subcommand in RESUMABLE else ''}"
            Console(stderr=True).print(text)
            raise typer.Exit(INTERRUPTED) from None
