"""`resnoise check`: the gate. Exit status 0 if all is well, 1 if not, 2 if it cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli import options
from resnoise.cli.commands import app

if TYPE_CHECKING:
    from resnoise.check.rules import Verdict


@app.command()
def check(
    base: Annotated[
        str | None, typer.Option(help="commit to compare with; default: the committed reference")
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(help="of exact,trained,time; default: all (time needs --base)"),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="recorded figures, default results/check/reference.json")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="make this tree's figures the reference")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="list the figures that are the same, too")
    ] = False,
) -> None:
    """Compare the working tree with a base commit or the reference, and say what got worse."""
    from rich.console import Console

    from resnoise.check import gate, trees
    from resnoise.cli.display import console
    from resnoise.errors import CheckError

    def progress(text: str) -> None:
        console.print(text, highlight=False)

    try:
        chosen = gate.PARTS if parts is None else options.words(parts)
        unknown = [part for part in chosen if part not in gate.PARTS]
        if unknown or not chosen:
            raise CheckError(f"expected --parts to be of {', '.join(gate.PARTS)}, got {parts!r}")
        path = reference or trees.working_tree() / gate.REFERENCE
        if record:
            gate.record(path, progress)
            progress(str(path))
            return
        if base is None:
            verdicts = gate.check_against_reference(path, chosen, progress)
        else:
            verdicts = gate.check_against_base(base, chosen, progress)
    except CheckError as error:
        Console(stderr=True, highlight=False).print(
            f"error: {error}", style="red", markup=False, soft_wrap=True
        )
        raise typer.Exit(2) from None
    _print_verdicts(verdicts, everything)
    if any(verdict.status.fails for verdict in verdicts):
        raise typer.Exit(1)


def _print_verdicts(verdicts: list[Verdict], everything: bool) -> None:
    from rich.table import Table

    from resnoise.check.rules import Status
    from resnoise.cli.display import console

    table = Table("figure", "before", "now", "fails at", "status", header_style="bold")
    for verdict in verdicts:
        if everything or verdict.status is not Status.SAME:
            table.add_row(verdict.name, verdict.before, verdict.now, verdict.bound, verdict.status)
    if table.row_count:
        console.print(table)
    counts = {status: sum(v.status is status for v in verdicts) for status in Status}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    console.print(summary, highlight=False)
