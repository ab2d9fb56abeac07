"""Weights and the rule in one file of `safetensors`, which any language can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from resnoise.errors import ConversionError
from resnoise.export.exported import Exported
from resnoise.utils.files import exclusive, write_bytes
from resnoise.utils.tensors import require_finite


def write(exported: Exported, path: Path) -> list[Path]:
    """Write folded weights, thresholds and the rule.

    Tensors have the names of the model's modules; `NAME.threshold` is θ of a spiking layer. The
    metadata list the spiking layers in the order of computation and have the rule in JSON.

    Args:
        exported: a converted network.
        path: file to write, replaced whole.

    Raises:
        ConversionError: some weights or thresholds are infinite or NaN.
        StorageError: it cannot be written.
    """
    network = exported.network
    write_tensors(path, network.model_state, exported.rule.to_json(), network.layers)
    return [path]


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], rule: dict[str, Any], layers: tuple[str, ...]
) -> None:
    """Write tensors by name with a rule, see `write`."""
    require_finite(tensors.items(), ConversionError)
    # Copies, since what shares its memory with another, as tied weights do, is not saved.
    kept = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    metadata = {"spiking_layers": ",".join(layers), "rule": json.dumps(rule, ensure_ascii=False)}
    with exclusive(path.parent):
        write_bytes(path, save(kept, metadata=metadata))
