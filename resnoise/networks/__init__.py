"""Trained networks by name, from a manifest that says what each is and where its files are."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from torch import nn

from resnoise.errors import ConfigError
from resnoise.networks import places
from resnoise.networks.manifest import Network, read_manifest
from resnoise.training.loading import restore

__all__ = ["Network", "load", "locate", "names", "networks"]


def networks() -> dict[str, Network]:
    """What is known of each network, by its name."""
    return read_manifest().networks


def names() -> list[str]:
    """The networks that can be loaded."""
    return list(networks())


def locate(name: str | Path) -> Path:
    """The `best.json` of a network, its weights beside it; fetched if it is not on this machine.

    Looked for in the checkout that the package runs from, in `resnoise-networks` if that is
    installed, in the cache, and at the address that the manifest names.

    Args:
        name: one of `names()`; the file of a checkpoint is returned as it is.

    Raises:
        ConfigError: it is neither.
        CheckpointError: its files are in none of these places, or not those of the manifest.

    Examples:
        >>> locate("cifar10-resnet20-qcfs-plus-L2").name
        'best.json'
    """
    path, name = Path(name), str(name)
    if path.is_file():
        return path
    manifest = read_manifest()
    if name in manifest.networks:
        return places.find(name, manifest)
    if path.exists() or path.suffix or len(path.parts) > 1:  # which to read says what is wrong
        return path
    near = get_close_matches(name, manifest.networks, n=3, cutoff=0.4)
    raise ConfigError(
        f"expected the file of a checkpoint or the name of a network, but got {name!r}; "
        f"{'nearest: ' + ', '.join(near) if near else '`resnoise list networks` has all'}"
    )


def load(name: str | Path) -> nn.Module:
    """A trained network by name, in evaluation mode on the CPU.

    Args:
        name: one of `names()`, such as `"cifar10-resnet20-qcfs-plus-L2"`, or the file of a
            checkpoint, as for `resnoise.restore`.

    Returns:
        What was trained: a source network, of which `resnoise.convert` makes a spiking one, or of
        direct training the spiking one itself. Nothing is unpickled.

    Raises:
        ConfigError: there is no such network or file.
        CheckpointError: its files cannot be had, or are damaged.
        BackendError: it was trained directly on a backend that is not installed.

    Examples:
        >>> import torch
        >>> import resnoise
        >>> spiking = resnoise.convert(load("cifar10-resnet20-qcfs-plus-L2"))
        >>> resnoise.simulate(spiking, torch.zeros(1, 3, 32, 32), timesteps=2).shape
        torch.Size([2, 1, 10])
    """
    return restore(locate(name))[1]
