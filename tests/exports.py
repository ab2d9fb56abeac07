"""Networks to export, on which float32 is exact, and images for them."""

import torch
from torch import nn

import resnoise
from resnoise.export.exported import Exported
from resnoise.export.rule import Rule
from tests.eighths import convolutional, grid_images, grid_network


class Residual(nn.Module):
    """An identity and a projected shortcut, a chunk, a mean over space: what graphs may have."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=2)
        self.left = nn.Conv2d(4, 4, 3, padding=1)
        self.project = nn.Conv2d(4, 4, 1, 2)
        self.right = nn.Conv2d(4, 4, 3, 2, 1)
        self.classifier = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.left(x) + x)
        x = torch.relu(self.right(x) + self.project(x))
        return self.classifier(x.mean((2, 3)))


class Split(nn.Module):
    """Two halves of the channels, of which one goes through another layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.one = nn.Conv2d(2, 2, 1)
        self.classifier = nn.Linear(4 * 36, 3)

    def forward(self, x):
        kept, changed = torch.relu(self.stem(x)).chunk(2, 1)
        x = torch.cat([kept, torch.relu(self.one(changed))], 1)
        return self.classifier(x.view(x.size(0), -1))


def exported(model=None):
    """A network on which float32 is exact, for images of integers from 0 to 12."""
    source = grid_network(convolutional() if model is None else model)
    rule = Rule(
        "made", "cifar10", ("a", "b", "c"), (2, 6, 6), (0.0, 1.0), (2.0, 4.0), 1.0, 4, "qcfs"
    )
    return Exported(resnoise.convert(source), source, rule)


def pixels(images=5):
    return (grid_images(images, 2, 6, 6) * 4 + 4).to(torch.uint8)


def normalised(images):
    """What the rule above makes of pixels."""
    return (images.float() - torch.tensor([0.0, 1.0]).view(2, 1, 1)) / torch.tensor(
        [2.0, 4.0]
    ).view(2, 1, 1)
