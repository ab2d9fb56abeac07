"""`python -m benchmarks.importers`: what programs that read NIR make of one network."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.importers import page
from benchmarks.importers.networks import cases


def main(
    out: Annotated[Path, typer.Option(help="folder for importers.md and a CSV a table")],
    data_root: Annotated[Path, typer.Option(help="folder of downloaded data sets")] = Path("data"),
    images: Annotated[int, typer.Option(help="test images of each network", min=1)] = 100,
    timesteps: Annotated[str, typer.Option(help="time steps T")] = "1,2,4,8",
) -> None:
    """Ask one neuron and single nodes, and run networks; a library that is missing is left out."""
    steps = tuple(map(int, timesteps.split(",")))
    with TemporaryDirectory() as folder:
        tables = {
            "neurons": page.neurons(),
            "nodes": page.nodes(),
            "networks": page.networks(cases(data_root, images, Path(folder)), steps, print),
        }
    for path in page.write(out, tables):
        print(path)


if __name__ == "__main__":
    typer.run(main)
