"""The table of torchvision's classification families in docs/families.md: which convert, and why.

    python docs/families.py

Random weights and images, one small member of each family; what is right or refused of it is so of
its larger ones. The quantised network is compared with its spiking one at T = 64, which a trained
network of any accuracy would do alike.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from torch import nn

import resnoise
from resnoise.datasets.torchvision_compat import import_torchvision

LEVELS = 64
TIMESTEPS = 64
IMAGES = 4
# One member of each family, with the side of its images in pixels.
FAMILIES = {
    "alexnet": 64, "convnext_tiny": 32, "densenet121": 32, "efficientnet_b0": 32,
    "efficientnet_v2_s": 32, "googlenet": 64, "inception_v3": 96, "maxvit_t": 224, "mnasnet0_5": 32,
    "mobilenet_v2": 32, "mobilenet_v3_small": 32, "regnet_x_400mf": 32, "regnet_y_400mf": 32,
    "resnet18": 32, "resnext50_32x4d": 32, "shufflenet_v2_x0_5": 32, "squeezenet1_0": 64,
    "swin_t": 32, "swin_v2_t": 32, "vgg11": 32, "vgg11_bn": 32, "vit_b_16": 224,
    "wide_resnet50_2": 32,
}  # fmt: skip
_PAGE = """# torchvision's classification families

Made by `python docs/families.py`: one small member of each family, with random weights, \
in evaluation mode, BatchNorm having the statistics of the images. \
The difference is between the logits of the quantised network (L = {levels}) \
and the mean logits of its spiking network at T = {timesteps}, as a share of the largest logit of \
the former, on {images} random images; λ is fitted to them. Maximum pools become average pools.

| model | pixels | | ReLUs | difference at T = {timesteps} |
|---|---|---|---|---|
{rows}
"""


def build(name: str, pixels: int) -> nn.Module:
    """A model of torchvision with random weights."""
    import_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    settings = {"image_size": pixels} if name == "vit_b_16" else {}
    if name in ("googlenet", "inception_v3"):
        settings |= {"init_weights": True, "aux_logits": False}
    return models.get_model(name, weights=None, **settings)


@torch.no_grad()
def settle_(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """Give every BatchNorm the statistics of these images; random weights let signals die else."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model(images)
    return model.eval()


@torch.no_grad()
def row(name: str, pixels: int) -> str:
    """A line of the table."""
    images = torch.randn(IMAGES, 3, pixels, pixels, generator=torch.Generator().manual_seed(0))
    config = resnoise.ActivationConfig(levels=LEVELS)
    try:
        network = resnoise.prepare(settle_(build(name, pixels), images), config).eval()
        resnoise.fit_thresholds_(network, images, quantile=1.0)
        spiking = resnoise.convert(network)
    except resnoise.ResnoiseError as error:
        reason = str(error).replace("|", "\\|")
        return f"| {name} | {pixels} | refused: {reason} | | |"
    expected = network(images)
    mean = resnoise.simulate(spiking, images, TIMESTEPS).mean(0)
    difference = ((mean - expected).abs().max() / expected.abs().max()).item()
    return f"| {name} | {pixels} | works | {len(spiking.layers)} | {difference:.1e} |"


def main() -> None:
    warnings.simplefilter("ignore")
    names = sys.argv[1:] or FAMILIES
    rows = []
    for name in names:
        rows.append(row(name, FAMILIES[name]))
        print(rows[-1], flush=True)
    page = _PAGE.format(levels=LEVELS, timesteps=TIMESTEPS, images=IMAGES, rows="\n".join(rows))
    if not sys.argv[1:]:
        path = Path(__file__).with_suffix(".md")
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
