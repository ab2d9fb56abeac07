"""Networks for use elsewhere. A new target is a file here and a line in `TARGETS`.

A file holds the rule beside the weights: how the input is normalised, how neurons start, fire and
are reset, and what the network was trained by.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from resnoise.errors import ConfigError
from resnoise.export.exported import Exported

# name -> module that defines `write(exported, path)`
TARGETS = {
    "nir": "resnoise.export.nir",
    "nir-if": "resnoise.export.nir_if",
    "norse": "resnoise.export.norse",
    "snntorch": "resnoise.export.snntorch",
    "onnx": "resnoise.export.onnx",
}


def writer(target: str) -> Callable[[Exported, Path], list[Path]]:
    """The function that writes an `Exported` to a path and returns the paths of all it wrote.

    Raises:
        ConfigError: there is no such target, or a library that it needs is not installed.
    """
    if target not in TARGETS:
        raise ConfigError(f"unknown target {target!r}; known: {', '.join(TARGETS)}")
    try:
        return import_module(TARGETS[target]).write
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"target {target} needs {error.name}, which is not installed: "
            "pip install 'resnoise[export]'"
        ) from error
