"""Commands that take trainings and records from one machine to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli.application import Panel, app


@app.command(rich_help_panel=Panel.CHECKS)
def pack(
    folder: Annotated[Path, typer.Argument(help="folder of checkpoints or records")],
    file: Annotated[Path, typer.Argument(help="pack to write, .tar.gz")],
    max_size: Annotated[str, typer.Option(help="size limit: 500K, 30M or 1G")] = "30M",
) -> None:
    """Pack records, the best weights and logs into one file, the most valuable first."""
    from resnoise.cli.display import print_lines
    from resnoise.records.pack import pack as pack_folder
    from resnoise.records.pack import size_in_bytes

    packed = pack_folder(folder, file, size_in_bytes(max_size))
    print_lines([f"{file}: {len(packed.kept)} files, {packed.size} bytes"])
    if packed.left_out:
        print_lines([f"left out for want of space: {', '.join(packed.left_out)}"])


@app.command(rich_help_panel=Panel.CHECKS)
def unpack(
    file: Annotated[Path, typer.Argument(help="file that `resnoise pack` wrote")],
    folder: Annotated[
        Path, typer.Argument(help="folder to unpack to; its files are not overwritten")
    ],
) -> None:
    """Unpack a file of `resnoise pack`; hostile archives are refused."""
    from resnoise.cli.display import print_paths
    from resnoise.records.pack import unpack as unpack_into

    print_paths(folder / name for name in unpack_into(file, folder))
