"""A network through an importer: its spikes and accuracies beside those of the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nir
import torch
from torch import Tensor, nn

from benchmarks.importers.libraries import Importer, quiet
from resnoise.datasets import DataOptions, load
from resnoise.export import writer
from resnoise.export.exported import Exported, from_checkpoint
from resnoise.networks import locate

CIFAR = "cifar10-resnet20-qcfs-plus-L2"
DIGITS = Path(__file__).parents[2] / "results" / "check" / "digits" / "best.json"
FORMS = {"nir": "faithful", "nir-if": "nir.IF"}


@dataclass(frozen=True)
class Outcome:
    """A simulation.

    Attributes:
        logits: of every step, tensor of shape `[T, N, classes]`.
        spikes: of each layer of neurons, tensors of shape `[T, N, neurons]`; None where they are
            not seen.
    """

    logits: Tensor
    spikes: list[Tensor] | None

    def accuracies(self, labels: Tensor, timesteps: Sequence[int]) -> dict[int, float]:
        """Share of images that are classified rightly, by T."""
        predicted = self.logits.cumsum(0).argmax(-1)
        return {t: (predicted[t - 1] == labels).double().mean().item() for t in timesteps}


@dataclass(frozen=True)
class Case:
    """A network, its files, and the images that all importers are given.

    Attributes:
        name: of the network.
        exported: the network.
        files: its NIR by form.
        images: normalised, tensor of shape `[N, C, H, W]`.
        labels: tensor of shape `[N]`.
    """

    name: str
    exported: Exported
    files: dict[str, Path]
    images: Tensor
    labels: Tensor


def cases(data_root: Path, images: int, folder: Path) -> list[Case]:
    """Both networks: a small one, and a ResNet whose shortcuts sum spikes."""
    found = []
    for name, path in (("digits-cnn", DIGITS), (CIFAR, locate(CIFAR))):
        exported = from_checkpoint(path)
        files = {form: folder / f"{name}-{form}.nir" for form in FORMS}
        with quiet():
            for form, file in files.items():
                writer(form)(exported, file)
        test = load(DataOptions(exported.rule.dataset, data_root, download=False)).test
        given, labels = test.batch(range(min(images, len(test))))
        found.append(Case(name, exported, files, given, labels))
    return found


@torch.no_grad()
def reference(case: Case, timesteps: int) -> Outcome:
    """What this package computes."""
    network, found = case.exported.network, {}
    handles = [
        layer.register_forward_hook(
            lambda module, given, out, name=name: found.update({name: out[0] != 0})
        )
        for name, layer in network.spiking_layers.items()
    ]
    logits, _ = network(case.images, timesteps)
    for handle in handles:
        handle.remove()
    spikes = [s.float().view(timesteps, len(case.images), -1) for s in found.values()]
    return Outcome(logits, spikes)


@torch.no_grad()
def imported(case: Case, form: str, importer: Importer, timesteps: int) -> Outcome:
    """What an importer computes of a file.

    Raises:
        Exception: whatever the library raises of a graph that it does not read.
    """
    with quiet():
        model = importer.load(nir.read(case.files[form]))
        calls: dict[str, list[Tensor]] = {name: [] for name in model.neurons}
        for name, neuron in model.neurons.items():
            neuron.register_forward_hook(_keep(calls[name]))
        given = case.images.expand(timesteps, *case.images.shape)
        logits = model.run(given).view(timesteps, len(case.images), -1)
    layers = case.exported.network.layers if model.neurons else ()
    spikes = [_by_time(calls[name], timesteps, len(case.images)) for name in layers]
    return Outcome(logits, spikes or None)


def _keep(seen: list[Tensor]) -> object:
    def hook(module: nn.Module, given: object, out: Tensor | tuple[Tensor, ...]) -> None:
        seen.append((out[0] if isinstance(out, tuple) else out).clone())

    return hook


def _by_time(calls: list[Tensor], timesteps: int, images: int) -> Tensor:
    """Calls of a layer, step after step or image after image, as `[T, N, neurons]`."""
    if len(calls) == timesteps:
        return torch.stack(calls).view(timesteps, images, -1)
    return torch.stack(calls).view(images, timesteps, -1).transpose(0, 1)
