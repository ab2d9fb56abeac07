"""The verbs that write a network to a file, and the list of networks by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resnoise.cli import options
from resnoise.cli.application import app
from resnoise.cli.option_groups import grouped

if TYPE_CHECKING:
    import pandas as pd

    from resnoise.export.exported import Exported
    from resnoise.simulation.network import SpikingNetwork

Method = Annotated[
    str | None, typer.Option(help="another method of the same training, if a file can hold it")
]


@app.command()
@grouped
def convert(
    *,
    checkpoint: options.Checkpoint = None,
    out: Annotated[Path, typer.Option(help="file for the spiking network, .safetensors")],
    own: options.OwnModel,
    place: options.DataRoot,
) -> None:
    """Convert a trained network, or a plain one of your own (--model): folded weights, thresholds
    and the rule in one file; `export` writes for other programs.
    """
    from resnoise.cli.display import print_paths, print_table
    from resnoise.export.weights import write
    from resnoise.utils.files import ensure_file

    ensure_file(out)
    exported = _exported(checkpoint, None, own, place)
    written = write(exported, out)
    print_table(layer_table(exported.network), exported.rule.architecture)
    print_paths(written)


@app.command()
@grouped
def export(
    *,
    checkpoint: options.Checkpoint = None,
    to: Annotated[str, typer.Option(help="nir, nir-if, norse, snntorch or onnx")],
    out: Annotated[Path, typer.Option(help="file to write")],
    method: Method = None,
    own: options.OwnModel,
    place: options.DataRoot,
) -> None:
    """Write a trained network, or a plain one of your own (--model), for another program.

    nir keeps the rule; nir-if has the neuron that most programs read, and loses a part of it; norse
    and snntorch write weights and a script of twenty lines that needs that library alone; onnx
    writes the network with L levels and no spikes.
    """
    from resnoise.cli.display import print_paths
    from resnoise.export import writer
    from resnoise.utils.files import ensure_file

    ensure_file(out)
    write = writer(to)
    print_paths(write(_exported(checkpoint, method, own, place), out))


def _exported(
    checkpoint: Path | None, method: str | None, own: options.OwnModel, place: options.DataRoot
) -> Exported:
    from resnoise.export.exported import from_checkpoint, from_model
    from resnoise.networks import locate

    checkpoint = None if checkpoint is None else locate(checkpoint)
    calibrated = own.job(checkpoint, place, method or options.PLAIN)
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


def print_networks() -> None:
    """Print the trained networks by name, with what their tables say of them."""
    import pandas as pd

    from resnoise.cli.display import print_table
    from resnoise.networks import networks

    found = networks()
    timesteps = sorted({t for network in found.values() for t in network.accuracy})
    rows = [
        {
            "name": name,
            "MiB": f"{network.bytes / 2**20:.1f}",
            "ANN": _percent(network.ann_accuracy),
            **{f"T={t}": _percent(network.accuracy.get(t)) for t in timesteps},
        }
        for name, network in found.items()
    ]
    print_table(pd.DataFrame(rows), "trained networks: accuracy in per cent on test images")


def _percent(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{100 * accuracy:.1f}"
