"""Whether a device computes what it should: precision, gradients, and the backends' spikes."""

from __future__ import annotations

import torch
from torch import Tensor, fx
from torch.nn import functional as F

from resnoise import backends, models
from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.doctor.finding import Finding
from resnoise.simulation.simulator import simulate
from resnoise.utils.compiling import compiled
from resnoise.utils.precision import true_float32

TIMESTEPS = 4
SHAPE = (3, 32, 32)
# Of a gradient in float64, where those of θ are summed in float32. In float32 rounding moves
# activations to another level, and the gradient of a θ by several times itself.
GRADIENT_ERROR = 1e-3
# Of a sum of thousands of products: TF32 is off by some 1e-3, float32 by less than 1e-5.
FLOAT32_ERROR = 1e-4


def convolution_error(device: torch.device) -> float:
    """Largest relative error of a convolution in float32, against double precision on the CPU."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, 64, 16, 16, generator=generator)
    w = torch.randn(64, 64, 3, 3, generator=generator)
    exact = F.conv2d(x.double(), w.double())
    got = F.conv2d(x.to(device), w.to(device)).cpu().double()
    return ((got - exact).abs().max() / exact.abs().max()).item()


def precision(device: torch.device) -> Finding:
    """What float32 is by default, and in an evaluation."""
    by_default = convolution_error(device)
    with true_float32():
        in_evaluation = convolution_error(device)
    well = in_evaluation < FLOAT32_ERROR
    kind = "float32" if by_default < FLOAT32_ERROR else "TF32"
    found = "float32 in truth" if well else f"off by {in_evaluation:.1e}"
    return Finding("precision", f"{kind} by default, evaluations {found}", well)


def network(architecture: str) -> tuple[fx.GraphModule, Tensor]:
    """A source network of made-up weights and images `[N, C, H, W]` that it is fitted to."""
    images = torch.rand(16, *SHAPE, generator=torch.Generator().manual_seed(0))
    model = models.build(architecture, classes=10, shape=SHAPE, seed=0)
    made = prepare(model, ActivationConfig(levels=4, threshold="data"))
    fit_thresholds_(made, images)
    return made, images


def gradients(device: torch.device, architecture: str) -> Finding:
    """Gradients of every parameter in double precision, compiled against eager."""
    made, images = network(architecture)
    made.to(device).double().train()
    for layer in activations(made).values():
        layer.noise = "never"
    images, labels = images.to(device).double(), torch.arange(len(images), device=device) % 10

    def loss(network: fx.GraphModule) -> Tensor:
        return F.cross_entropy(network(images), labels)

    loss(made).backward()
    eager = [parameter.grad for parameter in made.parameters()]
    made.zero_grad(set_to_none=True)
    compiled(loss)(made).backward()
    pairs = list(zip(eager, made.parameters(), strict=True))
    apart = [float((g - p.grad).norm() / g.norm().clamp_min(1e-12)) for g, p in pairs]
    wrong = sum(difference > GRADIENT_ERROR for difference in apart)
    found = f"{len(apart) - wrong} of {len(apart)} parameters as uncompiled"
    return Finding("compiled gradients", found, not wrong)


def parity(device: torch.device, architecture: str) -> Finding:
    """Whether every backend's spikes are those of the reference on this device, bit for bit."""
    made, images = network(architecture)
    made.to(device).eval()
    with true_float32():
        logits = {
            name: simulate(convert(made, name), images.to(device), TIMESTEPS)
            for name in backends.available()
        }
    other = [name for name, x in logits.items() if not torch.equal(x, logits["reference"])]
    found = f"{', '.join(other)} differ" if other else f"{', '.join(logits)} are the same"
    return Finding("backends", found, not other)
