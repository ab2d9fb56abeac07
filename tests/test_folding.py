"""BatchNorm folding: same function, and left alone where it cannot be folded."""

import pytest
import torch
from networks import images
from torch import fx, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from resnoise.conversion.folding import folded


def randomise_(model):
    """Give every BatchNorm statistics and weights that change what passes through."""
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            if module.running_mean is not None:
                module.running_mean.normal_(0, 1, generator=generator)
                module.running_var.uniform_(0.3, 3, generator=generator)
            if module.affine:
                nn.init.normal_(module.weight, generator=generator)
                nn.init.normal_(module.bias, generator=generator)
    return model.eval()


def fold(model):
    return folded(fx.symbolic_trace(randomise_(model)))


def norms(network):
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return sum(isinstance(module, kinds) for module in network.modules())


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)), (2, 3, 5, 5)),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.BatchNorm2d(4), nn.ReLU(),
                       nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)), (2, 4, 5, 5)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False)), (2, 3, 5, 5)),
        (nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)), (2, 3, 5)),
        (nn.Sequential(nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2)), (2, 1, 3, 3, 3)),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4)), (2, 3, 5, 5)),
        (nn.Sequential(nn.Flatten(), nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4)), (5, 3)),
        (nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4)), (5, 3)),
        (nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(18, 4), nn.BatchNorm1d(4),
                       nn.ReLU(), nn.Dropout(), nn.Linear(4, 3), nn.BatchNorm1d(3)), (2, 1, 4, 4)),
    ],
    ids=["conv", "two, groups", "not affine", "1d", "3d", "transposed", "linear", "linear bias",
         "linear after linear"],
)  # fmt: skip
def test_folding_keeps_the_function(model, shape):
    network = fold(model)
    assert norms(network) == 0
    assert torch.allclose(network(images(*shape)), model(images(*shape)), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), (2, 3, 5, 5)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), (2, 3, 5, 5)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)),
         (2, 3, 5, 5)),
        # Features of a linear layer are the last dimension, those of the norm the second.
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(7)), (2, 7, 3)),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(1)), (2, 1, 3)),
        (nn.Sequential(nn.Conv1d(2, 4, 1), nn.ReLU(), nn.Linear(3, 4), nn.BatchNorm1d(4)),
         (2, 2, 3)),
        (nn.Sequential(nn.Flatten(2), nn.Linear(6, 4), nn.BatchNorm1d(4)), (2, 4, 2, 3)),
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), (2, 4, 4)),
        (nn.Sequential(nn.Linear(5, 3), nn.BatchNorm2d(3)), (2, 3, 5, 5)),
        (nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False)), (2, 3)),
        (nn.Sequential(nn.ConvTranspose2d(4, 4, 3, groups=2), nn.BatchNorm2d(4)), (2, 4, 5, 5)),
    ],
    ids=["no layer before", "relu between", "no statistics", "linear of more dimensions",
         "linear of one feature", "linear of as many channels", "linear of flattened pixels",
         "linear of own data", "linear of images", "linear, not affine", "transposed groups"],
)  # fmt: skip
def test_what_cannot_be_folded_keeps_the_function(model, shape):
    network = fold(model)
    assert torch.allclose(network(images(*shape)), model(images(*shape)), atol=1e-5)


@pytest.mark.parametrize(
    "flatten",
    [
        lambda x: torch.flatten(x, 1), lambda x: x.flatten(1), lambda x: x.view(-1, 12),
        lambda x: x.reshape(x.size(0), 12),
    ],
)  # fmt: skip
def test_a_norm_after_a_linear_layer_of_flat_features_is_folded(flatten):
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc, self.norm = nn.Conv2d(3, 3, 1), nn.Linear(12, 5), nn.BatchNorm1d(5)

        def forward(self, x):
            return self.norm(self.fc(flatten(self.conv(x))))

    model = Flat()
    network = fold(model)
    assert norms(network) == 0
    assert torch.allclose(network(images(2, 3, 2, 2)), model(images(2, 3, 2, 2)), atol=1e-4)


class Shared(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.other = nn.BatchNorm2d(3)
        self.body = forward

    def forward(self, x):
        return self.body(self, x)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (lambda m, x: (lambda h: m.norm(h) + h)(m.conv(x)), 1),
        (lambda m, x: (lambda h: m.norm(h) + m.other(h))(m.conv(x)), 2),
        (lambda m, x: m.norm(m.conv(m.norm(m.conv(x)))), 1),
        (lambda m, x: m.norm(m.conv(m.conv(x))), 1),
        (lambda m, x: m.norm(m.norm(m.conv(x))), 1),
        (lambda m, x: m.other(m.norm(m.conv(x))), 0),
        (lambda m, x: F.relu(m.norm(input=m.conv(x))), 0),
    ],
    ids=["two readers", "two norms", "both twice", "layer twice", "norm twice", "two in a row",
         "keyword"],
)  # fmt: skip
def test_shared_outputs_and_modules(body, left):
    model = Shared(body)
    network = fold(model)
    x = images(2, 3, 4, 4)
    assert torch.allclose(network(x), model(x), atol=1e-4)
    assert norms(network) == left


@pytest.mark.parametrize(
    "norm",
    [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal],
)
def test_weights_that_are_computed_from_others_become_plain(norm):
    model = nn.Sequential(norm(nn.Conv2d(3, 4, 3)), nn.BatchNorm2d(4), norm(nn.Conv2d(4, 2, 1)))
    network = fold(model)
    assert set(network.state_dict()) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    x = images(2, 3, 5, 5)
    assert torch.allclose(network(x), model(x), atol=1e-5)  # and the model still computes its own


def test_folding_twice_changes_nothing():
    network = fold(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    again = folded(network).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in network.state_dict().items())
