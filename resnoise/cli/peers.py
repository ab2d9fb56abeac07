"""`resnoise bench-peers`: this package and its peers side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resnoise.cli import options
from resnoise.cli.commands import app


@app.command("bench-peers")
def bench_peers(
    out: Annotated[
        Path | None, typer.Option(help="file to write; default: print, write nothing")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="see that it works: small batches, few turns")
    ] = False,
    compile: Annotated[
        bool, typer.Option(help="also measure what goes through torch.compile")
    ] = True,
    threads: options.Threads = None,
) -> None:
    """Time simulation and training beside other libraries; needs a quiet machine."""
    from resnoise.atomic import exclusive, write_text
    from resnoise.cli.display import console
    from resnoise.peers import Settings, measure_speed, speed_document

    options.use_threads(threads, "")
    if quick:
        settings = Settings(("resnet20",), ("resnet20",), batch=4, timesteps=2, repeats=1,
                            compiled=False, steps=1)  # fmt: skip
    else:
        settings = Settings(compiled=compile)
    frames = measure_speed(settings, lambda text: console.print(text, highlight=False))
    document = speed_document(frames, settings)
    if out is None:
        console.print(document, highlight=False, markup=False, soft_wrap=True)
        return
    with exclusive(out.parent):
        write_text(out, document)
    console.print(str(out), highlight=False, soft_wrap=True)
