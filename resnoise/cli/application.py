"""The command line's application, which every file of verbs adds its own to."""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from resnoise.utils.processes import INTERRUPTED

STOPPED = 75
"""Exit status of a command that `--stop-after` ended, EX_TEMPFAIL of sysexits.h: try again."""

RESUMABLE = ("train", "fine-tune", "compare", "ablate", "beside")
"""Commands that keep what they have done; the others, which take minutes, start anew."""


class Panel(StrEnum):
    """Headings of `resnoise --help`, in their order."""

    NETWORKS = "Networks"
    COMPARISONS = "Comparisons"
    STUDIES = "Studies"
    CHECKS = "Checks and transfers"


class Commands(TyperGroup):
    """The commands by panel and name; an interrupted one says whether its work is kept.

    Typer itself ends without a word.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the panels."""
        panels = list(Panel)
        return sorted(
            self.commands,
            key=lambda name: (panels.index(self.commands[name].rich_help_panel), name),
        )

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the context names."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            resumes = "; the same command resumes it"
            text = f"interrupted{resumes if ctx.invoked_subcommand in RESUMABLE else ''}"
            Console(stderr=True).print(text)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Train networks with residual noise, convert them to spiking networks on Norse and "
    "snnTorch, and compare conversion methods at few time steps.",
    epilog="Start with: resnoise compare --methods nq,qcfs,srp,direct --out runs/first",
)


def _print_version(asked: bool) -> None:
    if asked:
        from resnoise.records.built import commit_of_code, short

        typer.echo(f"resnoise {version('resnoise')}, commit {short(*commit_of_code())}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="print version and commit"
        ),
    ] = False,
) -> None:
    """What holds for no command in particular."""
