"""`python -m benchmarks.peers`: this package and its peers side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.peers.measure import Settings
from benchmarks.peers.results import PARTS, measure_speed

QUICK = Settings(
    ("resnet20",), ("resnet20",), batch=4, timesteps=2, repeats=1, compiled=False, steps=1
)


def main(
    out: Annotated[Path, typer.Option(help="folder for speed.md and a CSV a table")],
    part: Annotated[
        list[str] | None,
        typer.Option(help="table to measure, by default all; those already in --out stay"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="see that it works: small batches, few turns")
    ] = False,
    compile: Annotated[
        bool, typer.Option(help="also measure what goes through torch.compile")
    ] = True,
    threads: Annotated[int | None, typer.Option(help="threads of torch", min=1)] = None,
) -> None:
    """Time simulation and training beside other libraries; needs a quiet machine."""
    if threads is not None:
        torch.set_num_threads(threads)
    settings = QUICK if quick else Settings(compiled=compile)
    print(measure_speed(out, part or list(PARTS), settings, print))


if __name__ == "__main__":
    typer.run(main)
