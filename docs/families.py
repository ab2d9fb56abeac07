# ruff: noqa: E501 - the page has the width of the other documents
"""The tables of docs/families.md: which of torchvision's classification families convert, and why.

    python docs/families.py

Random weights and images, one small member of each family; what is right or refused of it is so of
its larger ones. All is computed in double precision, so that rounding has no part in it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn

import resnoise
from resnoise.conversion.activation import QuantisedReLU, activations, quantise
from resnoise.conversion.converter import spiking_graph
from resnoise.conversion.folding import folded
from resnoise.datasets.torchvision_compat import import_torchvision
from resnoise.simulation.neuron import IFState

LEVELS = 4096
IMAGES = 4
SETTLING = 32
"""Images that BatchNorm's statistics are of; fewer would leave some channels of hardly any."""
TIMESTEPS = (64,)
NOISE = 1 / 64
# One member of each family, with the side of its images in pixels.
FAMILIES = {
    "alexnet": 64, "convnext_tiny": 32, "densenet121": 32, "efficientnet_b0": 32,
    "efficientnet_v2_s": 32, "googlenet": 64, "inception_v3": 96, "maxvit_t": 224, "mnasnet0_5": 32,
    "mobilenet_v2": 32, "mobilenet_v3_small": 32, "regnet_x_400mf": 32, "regnet_y_400mf": 32,
    "resnet18": 32, "resnext50_32x4d": 32, "shufflenet_v2_x0_5": 32, "squeezenet1_0": 64,
    "swin_t": 32, "swin_v2_t": 32, "vgg11": 32, "vgg11_bn": 32, "vit_b_16": 224,
    "wide_resnet50_2": 32,
}  # fmt: skip
CUT = "mobilenet_v2"
BLOCKS = (1, 2, 4, 7, 11, 15, 19)
CUT_TIMESTEPS = (64, 256, 1024)
_PAGE = """# torchvision's classification families

Made by `python docs/families.py`: one small member of each family, with random weights, in double precision,
BatchNorm with the statistics of {settling} random images. Differences are those of the logits of {images} images, as
a share of their norm.

- *conversion*: between the quantised network (L = {levels}) and the spiking graph, when its neurons send something
  else at every step, drawn by chance, of which only the mean over time is right. It is 0 but for rounding if
  everything between the neurons is converted right, and not otherwise.
- *T = {timesteps}*: between the quantised network and the mean logits of the spiking one after so many steps.
- *noise*: between the plain network's logits of images with and without Gaussian noise of 1/64 of their standard
  deviation: how much a network makes of any small error.

λ is the largest activation on these images; maximum pools are average pools. Of what is refused the first of each
kind of operation is named; `prepare` says why, too.

{families}

## Why some of them need many steps

The conversion is exact for all of them. What is left at T = {timesteps} is the error of the neurons, which send whole
spikes: of a layer it falls as 1/T, and the layers after it multiply it as they do any small error. A network of random
weights multiplies it by more the deeper it is, as *noise* shows, until the two networks have nothing in common. The
first blocks of {cut}, with a mean over space behind them:

{blocks}

At every depth the conversion is exact. With few layers four times the steps leave a quarter of the difference; the
deeper the network, the later that begins. It is neither rounding, which double precision rules out, nor a fault of the
graph. A trained network has to give like images like logits, a random one need not: what many steps and few cost
trained networks is [measured](../results/README.md).
"""


class Shaken(nn.Module):
    """Neurons that send anything, of which the mean is the activation of the mean current.

    With them a spiking graph gives the logits of its quantised network, however few the steps, if
    all that is between neurons commutes with the mean over time and treats every image alone, and
    not otherwise: a test of a conversion without the error that real neurons have.
    """

    def __init__(self, threshold: Tensor, levels: int) -> None:
        super().__init__()
        self.threshold = threshold
        self.levels = levels

    def forward(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        """See `resnoise.backends.Neuron`."""
        mean = current.mean(0)
        rate = quantise(mean, self.threshold, self.levels) / self.threshold
        shares = torch.rand(current.shape, dtype=current.dtype)
        return rate * (shares / shares.mean(0)), IFState(mean)


def shaken(network: fx.GraphModule, images: Tensor, timesteps: int = 3) -> Tensor:
    """Mean logits `[N, classes]` of the spiking graph of a source network with `Shaken` neurons."""
    layers = activations(network)
    levels = {layer.levels for layer in layers.values()}
    body = spiking_graph(folded(network), lambda threshold: Shaken(threshold, *levels))
    logits, _ = body(images, timesteps, (None,) * len(layers))
    return logits.unflatten(0, (timesteps, -1)).mean(0)


class Differences(NamedTuple):
    """What a row of a table tells.

    Attributes:
        layers: number of layers of neurons.
        conversion: of quantised network and spiking graph with `Shaken` neurons.
        spiking: of quantised network and spiking one, by T.
        noise: of the plain network with and without noise on its images.
    """

    layers: int
    conversion: float
    spiking: dict[int, float]
    noise: float

    def cells(self) -> str:
        """As cells of a table."""
        numbers = (self.conversion, *self.spiking.values(), self.noise)
        return " | ".join([str(self.layers), *(f"{number:.1e}" for number in numbers)])


@torch.no_grad()
def differences(network: fx.GraphModule, timesteps: tuple[int, ...], images: Tensor) -> Differences:
    """Convert a source network and compare.

    Args:
        network: from `prepared`; its thresholds are set.
        timesteps: T of the simulations.
        images: tensor of shape `[N, C, H, W]`, of which the first are compared.
    """
    settle_(network, images)
    images = images[:IMAGES]
    resnoise.calibrate_thresholds_(network, images, per="layer", by="max")
    expected = network(images)
    logits = resnoise.simulate(resnoise.convert(network), images, max(timesteps)).cumsum(0)
    noisy = images + NOISE * images.std() * torch.randn_like(images)
    plain = _plain(network)
    return Differences(
        layers=len(activations(network)),
        conversion=_relative(shaken(network, images), expected),
        spiking={t: _relative(logits[t - 1] / t, expected) for t in timesteps},
        noise=_relative(plain(noisy), plain(images)),
    )


def _plain(network: fx.GraphModule) -> Callable[[Tensor], Tensor]:
    """The network with the ReLUs that its activations replaced."""

    def relu(layer: QuantisedReLU, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        return inputs[0].clamp(0, layer.ceiling)

    def call(images: Tensor) -> Tensor:
        handles = [layer.register_forward_hook(relu) for layer in activations(network).values()]
        try:
            return network(images)
        finally:
            for handle in handles:
                handle.remove()

    return call


def _relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def build(name: str, pixels: int) -> nn.Module:
    """A model of torchvision with random weights, in double precision."""
    import_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    settings = {"image_size": pixels} if name == "vit_b_16" else {}
    if name in ("googlenet", "inception_v3"):
        settings |= {"init_weights": True, "aux_logits": False}
    return models.get_model(name, weights=None, **settings).double()


def prepared(model: nn.Module) -> fx.GraphModule:
    """The source network of a model in double precision, in evaluation mode."""
    return resnoise.prepare(model, resnoise.ActivationConfig(levels=LEVELS)).eval()


def settle_(network: fx.GraphModule, images: Tensor) -> None:
    """Give every BatchNorm the statistics of these images; random weights let signals die else."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            module.train()
    _plain(network)(images)
    network.eval()


def random_images(pixels: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(SETTLING, 3, pixels, pixels, generator=generator, dtype=torch.float64)


def family_rows() -> Iterator[str]:
    """A line of the first table for each family."""
    for name, pixels in FAMILIES.items():
        try:
            network = prepared(build(name, pixels).eval())
        except resnoise.ResnoiseError as error:
            yield f"| {name} | {pixels} | refused: {_cell(error)} |" + " |" * (3 + len(TIMESTEPS))
        else:
            told = differences(network, TIMESTEPS, random_images(pixels))
            yield f"| {name} | {pixels} | works | {told.cells()} |"


def _cell(error: Exception) -> str:
    """What is refused, without what else the message says of it."""
    _, _, operations = str(error).partition("cannot convert ")
    return re.sub(r" \([^()]*\)", "", operations or str(error)).replace("|", "\\|")


def block_rows() -> Iterator[str]:
    """A line of the second table for each cut-out."""
    pixels = FAMILIES[CUT]
    model = build(CUT, pixels).eval()
    for blocks in BLOCKS:
        part = nn.Sequential(model.features[:blocks], nn.AdaptiveAvgPool2d(1), nn.Flatten())
        told = differences(prepared(part.eval()), CUT_TIMESTEPS, random_images(pixels))
        yield f"| {blocks} | {told.cells()} |"


def _table(headings: list[str], rows: Iterator[str]) -> str:
    lines = [f"| {' | '.join(headings)} |", "|" + " --- |" * len(headings)]
    for row in rows:
        print(row, flush=True)
        lines.append(row)
    return "\n".join(lines)


def _headings(*first: str, timesteps: tuple[int, ...]) -> list[str]:
    return [*first, "layers of neurons", "conversion", *(f"T = {t}" for t in timesteps), "noise"]


def main() -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    page = _PAGE.format(
        levels=LEVELS,
        images=IMAGES,
        settling=SETTLING,
        timesteps=" and ".join(map(str, TIMESTEPS)),
        cut=CUT,
        families=_table(_headings("model", "pixels", "", timesteps=TIMESTEPS), family_rows()),
        blocks=_table(_headings("blocks", timesteps=CUT_TIMESTEPS), block_rows()),
    )
    Path(__file__).with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
