"""`resnoise doctor`: what this machine can do, and whether it computes right."""

from __future__ import annotations

from typing import Annotated

import typer

from resnoise.cli import options
from resnoise.cli.application import Panel, app
from resnoise.config.execution import ExecutionConfig
from resnoise.utils.threads import use_threads

UNWELL = 1


@app.command(rich_help_panel=Panel.CHECKS)
def doctor(
    device: options.Device = "auto",
    bf16: Annotated[bool, typer.Option("--bf16", help="time trainings in bfloat16")] = False,
    compile: options.Compile = False,
    quick: Annotated[bool, typer.Option("--quick", help="one network, few images")] = False,
    seconds: Annotated[float, typer.Option(help="start nothing new after this time")] = 90.0,
    threads: options.Threads = None,
) -> None:
    """Examine this machine: device, precision, speed, and whether it computes right.

    It measures seconds per epoch, and compares compiled gradients and the spikes of each backend
    with the reference. The exit status is 1 if something is wrong.
    """
    from resnoise.cli.display import print_lines
    from resnoise.doctor.examination import examine

    use_threads(threads, "")
    execution = ExecutionConfig(device=device, bf16=bf16, compile=compile)
    well = True
    for finding in examine(execution, quick=quick, seconds=seconds):
        mark = {None: " ", True: "✓", False: "✗"}[finding.is_well]
        print_lines([f"{mark} {finding.name}: {finding.found}"])
        well = well and finding.is_well is not False
    raise typer.Exit(0 if well else UNWELL)
