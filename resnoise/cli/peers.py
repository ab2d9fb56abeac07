"""`resnoise bench-peers`: this package and its peers side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options
from resnoise.cli.commands import app


@app.command("bench-peers")
def bench_peers(
    out: Annotated[Path, typer.Option(help="folder for speed.md and a CSV a table")],
    parts: Annotated[
        str, typer.Option(help="tables to measure; those already in --out stay")
    ] = "simulation,image,memory,training,direct",
    quick: Annotated[
        bool, typer.Option("--quick", help="see that it works: small batches, few turns")
    ] = False,
    compile: Annotated[
        bool, typer.Option(help="also measure what goes through torch.compile")
    ] = True,
    threads: options.Threads = None,
) -> None:
    """Time simulation and training beside other libraries; needs a quiet machine."""
    from resnoise.cli.display import console
    from resnoise.peers import Settings, measure_speed

    options.use_threads(threads, "")
    if quick:
        settings = Settings(("resnet20",), ("resnet20",), batch=4, timesteps=2, repeats=1,
                            compiled=False, steps=1)  # fmt: skip
    else:
        settings = Settings(compiled=compile)

    def announce(text: str) -> None:
        console.print(text, highlight=False)

    document = measure_speed(out, options.words(parts), settings, announce)
    announce(str(document))
