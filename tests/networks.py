"""Small source networks for tests, some on a grid on which float32 computes without rounding."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, fx, nn

from resnoise import models
from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations
from resnoise.conversion.preparation import prepare


class Shortcut(nn.Module):
    """A network whose shortcut starts before the first ReLU, as in a pre-activation ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.fc = nn.Linear(4 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.relu2(self.conv(self.relu1(x)) + x)
        return self.fc(torch.flatten(x, 1))


def plain() -> nn.Module:
    """Two convolutions with BatchNorm, a pool and two linear layers, for images [N, 2, 4, 4]."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip


def source(model: nn.Module | str, *, seed: int = 0, levels: int = 4) -> fx.GraphModule:
    """A source network in evaluation mode with random weights, thresholds and statistics."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(model, str):
        model = models.build(model, classes=10, shape=(3, 32, 32), seed=seed)
    network = prepare(model, ActivationConfig(levels=levels))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0.1, 0.2, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(module.bias, 0.1, 0.2, generator=generator)
    for layer in activations(network).values():
        layer.set_threshold_(torch.empty(()).uniform_(0.6, 1.4, generator=generator).item())
    return network.eval()


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def put_on_grid_(network: fx.GraphModule, *, seed: int = 0, taps: int = 4) -> None:
    """Give a source network weights of 0 and ±1/2, `taps` to an output, and thresholds of 1.

    With inputs in eighths and means over powers of two everything a spiking network adds up is a
    small multiple of a power of two, so float32 is exact whatever the order of the sums, and
    membranes meet the threshold exactly all the time.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            flat = module.weight.view(len(module.weight), -1)
            flat.zero_()
            for row in flat:
                chosen = torch.randperm(len(row), generator=generator)[:taps]
                signs = torch.randint(-1, 3, chosen.shape, generator=generator).clamp(-1, 1)
                row[chosen] = 0.5 * signs.float()
            if module.bias is not None:
                module.bias.copy_(torch.randint(-2, 3, module.bias.shape, generator=generator) / 8)
        elif isinstance(module, nn.BatchNorm2d):
            # √(1 − ε + ε) = 1 in float32: the fold changes no weight.
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)
            module.weight.fill_(1.0)
            module.bias.copy_(torch.randint(0, 3, module.bias.shape, generator=generator) / 8)
    for layer in activations(network).values():
        layer.set_threshold_(1.0)
        assert layer.threshold.item() == 1.0


def grid_images(*shape: int, seed: int = 0) -> Tensor:
    """Images of multiples of 1/8."""
    return torch.randint(-8, 17, shape, generator=torch.Generator().manual_seed(seed)) / 8


class NeuronsByHand:
    """The neurons of one layer, as the method prints them, one step a call, in NumPy."""

    def __init__(self, threshold: np.ndarray) -> None:
        self.threshold = threshold
        self.v = threshold / 2

    def __call__(self, current: Tensor) -> Tensor:
        u = self.v + current.detach().numpy()
        spikes = (u >= self.threshold).astype(u.dtype)
        self.v = u - self.threshold * spikes
        return torch.from_numpy(self.threshold * spikes)


def neurons_by_hand(network: fx.GraphModule) -> dict[str, NeuronsByHand]:
    """Neurons at rest for each activation of a source network."""
    return {
        name: NeuronsByHand(layer.threshold.detach().numpy())
        for name, layer in activations(network).items()
    }


class Around(nn.Module):
    """A convolution, then `body(self, h)`, given as a function, then a classifier."""

    def __init__(self, body, **modules):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.LazyLinear(3)
        for name, module in modules.items():
            setattr(self, name, module)
        self.body = body
        with torch.no_grad():
            self(torch.zeros(2, 1, 4, 4))

    def forward(self, x):
        return self.fc(torch.flatten(self.body(self, self.conv(x)), 1))
