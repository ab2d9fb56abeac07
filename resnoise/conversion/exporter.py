"""A converted network as a file that needs neither this package nor Python to be read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from safetensors.torch import save

from resnoise.errors import ConversionError
from resnoise.simulation.network import SpikingNetwork
from resnoise.utils.files import exclusive, write_bytes
from resnoise.utils.tensors import require_finite


def export(network: SpikingNetwork, path: Path) -> None:
    """Write folded weights and thresholds, in `safetensors`.

    The names are those of the model's modules; `NAME.threshold` is θ of a spiking layer, and the
    metadata list the spiking layers in the order of computation.

    Args:
        network: from `resnoise.convert`.
        path: file to write, replaced whole.

    Raises:
        ConversionError: some weights or thresholds are infinite or NaN.
        StorageError: it cannot be written.
    """
    require_finite(network.model_state.items(), ConversionError)
    # Copies, since what shares its memory with another, as tied weights do, is not saved.
    tensors = {name: t.contiguous().clone() for name, t in network.model_state.items()}
    with exclusive(path.parent):
        write_bytes(path, save(tensors, metadata={"spiking_layers": ",".join(network.layers)}))


def layer_table(network: SpikingNetwork) -> pd.DataFrame:
    """The spiking layers of a network as rows of text."""
    rows = [
        {
            "layer": name,
            "threshold": f"{layer.threshold.item():.4f}",
            "input": "once" if layer.constant_input else "every step",
        }
        for name, layer in network.spiking_layers.items()
    ]
    return pd.DataFrame(rows)
