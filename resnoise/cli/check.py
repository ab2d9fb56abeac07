"""`resnoise check`: the gate. Exit status 0 if all is well, 1 if not, 2 if it cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli import parsing
from resnoise.cli.application import Panel, app
from resnoise.cli.messages import print_error
from resnoise.errors import CheckError, ResnoiseError
from resnoise.utils.files import ensure_file, exclusive, write_text

if TYPE_CHECKING:
    from resnoise.check.gate import Comparison


@app.command(rich_help_panel=Panel.CHECKS)
def check(
    base: Annotated[
        str | None, typer.Option(help="commit to compare with; default: the committed reference")
    ] = None,
    library: Annotated[
        Path | None,
        typer.Option(help="folder with another norse or snntorch, compared with the installed one"),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(help="of exact,trained,time; default: all (time needs --base or --library)"),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="recorded figures, default results/check/reference.json")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="make this tree's figures the reference")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="also list the figures that are the same")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="HTML file for the table, with all figures")
    ] = None,
) -> None:
    """Compare with a base commit, the reference or other libraries, and say what got worse."""
    try:
        if record:
            _record(reference, others=(base, library, parts, html))
            return
        if html is not None:
            ensure_file(html)  # before minutes of measuring
        comparison = _compare(base, library, parts, reference)
        _print_comparison(comparison, everything)
        if html is not None:
            _write_page(html, comparison)
    except ResnoiseError as error:
        print_error(error)
        raise typer.Exit(2) from None
    if comparison.failing:
        raise typer.Exit(1)


def _record(reference: Path | None, others: tuple[object, ...]) -> None:
    from resnoise.check import gate

    if any(others):
        raise CheckError(
            "--record measures the exact and trained parts and compares nothing: leave out --base, "
            "--library, --parts and --html"
        )
    path = _reference_path(reference)
    gate.record(path, _progress)
    _progress(str(path))


def _compare(
    base: str | None, library: Path | None, parts: str | None, reference: Path | None
) -> Comparison:
    from resnoise.check import gate

    if sum(given is not None for given in (base, library, reference)) > 1:
        raise CheckError("one of --base, --library and --reference is compared with; name one")

    chosen = gate.PARTS if parts is None else parsing.words(parts)
    unknown = [part for part in chosen if part not in gate.PARTS]
    if unknown or not chosen:
        raise CheckError(f"expected --parts to be of {', '.join(gate.PARTS)}, got {parts!r}")
    if base is not None:
        return gate.check_against_base(base, chosen, _progress)
    if library is not None:
        return gate.check_library(library, chosen, _progress)
    return gate.check_against_reference(_reference_path(reference), chosen, _progress)


def _reference_path(given: Path | None) -> Path:
    from resnoise.check import gate, trees

    return given or trees.working_tree() / gate.REFERENCE


def _progress(text: str) -> None:
    from resnoise.cli.display import console

    console.print(text, highlight=False, soft_wrap=True)


def _write_page(path: Path, comparison: Comparison) -> None:
    from resnoise.check.page import gate_page

    with exclusive(path.parent):
        write_text(path, gate_page(comparison))
    _progress(str(path))


def _print_comparison(comparison: Comparison, everything: bool) -> None:
    from rich.table import Table

    from resnoise.check.rules import COLUMNS, Status
    from resnoise.cli.display import console

    verdicts = comparison.verdicts
    _progress(f"before: {comparison.before}")
    for note in comparison.notes:
        _progress(f"left out: {note}")
    table = Table(*COLUMNS, header_style="bold")
    for verdict in verdicts:
        if everything or verdict.status is not Status.SAME:
            table.add_row(verdict.name, verdict.before, verdict.now, verdict.bound, verdict.status)
    if table.row_count:
        console.print(table)
    counts = {status: sum(v.status is status for v in verdicts) for status in Status}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    console.print(summary, highlight=False)
