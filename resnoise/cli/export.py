"""The verbs that write a network to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli import options
from resnoise.cli.application import Panel, app
from resnoise.cli.option_groups import grouped
from resnoise.cli.own_model import PLAIN, OwnModel

if TYPE_CHECKING:
    import pandas as pd

    from resnoise.export.exported import Exported
    from resnoise.simulation.network import SpikingNetwork

Method = Annotated[
    str | None, typer.Option(help="another method of the same training, if a file can hold it")
]


@app.command(rich_help_panel=Panel.NETWORKS)
@grouped
def convert(
    *,
    checkpoint: options.Checkpoint = None,
    out: Annotated[Path, typer.Option(help="file for the spiking network, .safetensors")],
    own: OwnModel,
    place: options.DataRoot,
) -> None:
    """Convert a network to a file of weights, thresholds and the rule of its neurons.

    The network is a trained one, or a plain model of your own (--model). `export` writes files for
    other programs.
    """
    from resnoise.cli.display import print_paths, print_table
    from resnoise.export.weights import write
    from resnoise.utils.files import ensure_file

    ensure_file(out)
    exported = _exported(checkpoint, None, own, place)
    written = write(exported, out)
    print_table(layer_table(exported.network), exported.rule.architecture)
    print_paths(written)


@app.command(rich_help_panel=Panel.NETWORKS)
@grouped
def export(
    *,
    checkpoint: options.Checkpoint = None,
    to: Annotated[str, typer.Option(help="nir, nir-if, norse, snntorch or onnx")],
    out: Annotated[Path, typer.Option(help="file to write")],
    method: Method = None,
    own: OwnModel,
    place: options.DataRoot,
) -> None:
    """Write a network for another program: NIR, ONNX, or Norse or snnTorch alone.

    The network is a trained one, or a plain model of your own (--model). `nir` keeps the rule of
    the neurons; `nir-if` uses the neuron that most programs read, which loses a part of it; `norse`
    and `snntorch` write weights and a script of twenty lines that needs only that library; `onnx`
    writes the network with L levels and without spikes.
    """
    from resnoise.cli.display import print_paths
    from resnoise.export import writer
    from resnoise.utils.files import ensure_file

    ensure_file(out)
    write = writer(to)
    print_paths(write(_exported(checkpoint, method, own, place), out))


def _exported(
    checkpoint: Path | None, method: str | None, own: OwnModel, place: options.DataRoot
) -> Exported:
    from resnoise.export.exported import from_checkpoint, from_model
    from resnoise.networks import locate

    checkpoint = None if checkpoint is None else locate(checkpoint)
    calibrated = own.job(checkpoint, place, method or PLAIN)
    return from_checkpoint(checkpoint, method) if calibrated is None else from_model(*calibrated)


def layer_table(network: SpikingNetwork) -> pd.DataFrame:
    """The spiking layers of a network as rows of text."""
    import pandas as pd

    rows = [
        {
            "layer": name,
            "threshold": f"{layer.threshold.item():.4f}",
            "input": "once" if layer.constant_input else "every step",
        }
        for name, layer in network.spiking_layers.items()
    ]
    return pd.DataFrame(rows)
