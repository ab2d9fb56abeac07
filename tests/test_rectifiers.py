"""ReLUs that are written otherwise: each is a quantised activation that starts below its bound."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import activations
from resnoise.conversion.preparation import prepare
from resnoise.conversion.thresholds import fit_thresholds_
from resnoise.errors import PreparationError

SAMPLES = torch.linspace(-3, 9, 49).reshape(7, 7)


class Call(nn.Module):
    def __init__(self, body, **modules):
        super().__init__()
        self.body = body
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        return self.body(self, x + 0)  # the images themselves are not written over


BOUNDED = [
    (nn.ReLU6(), 6), (nn.ReLU6(inplace=True), 6), (nn.Hardtanh(0, 4), 4),
    (nn.Hardtanh(0.0, 1.0, inplace=True), 1), (nn.Threshold(0, 0), None), (nn.ReLU(), None),
    (F.relu6, 6), (lambda x: F.relu6(x, True), 6), (lambda x: F.hardtanh(x, 0, 2), 2),
    (lambda x: F.hardtanh(x, min_val=0.0, max_val=1.0), 1), (lambda x: F.hardtanh_(x, 0, 2), 2),
    (lambda x: F.threshold(x, 0, 0), None),
    (lambda x: x.clamp(0, 6), 6), (lambda x: x.clamp(min=0), None), (lambda x: x.clip(0, 6), 6),
    (lambda x: x.clamp_(0, 6), 6), (lambda x: x.clamp_min(0), None),
    (lambda x: (x.clamp_min_(0), x)[1], None), (lambda x: torch.clamp(x, 0, 6), 6),
    (lambda x: torch.clamp(x, min=0.0, max=3.0), 3), (lambda x: torch.clamp_min(x, 0), None),
    (lambda x: torch.clip(input=x, min=0), None),
]  # fmt: skip


@pytest.mark.parametrize(("relu", "bound"), BOUNDED)
def test_each_is_the_function_that_it_replaces(relu, bound):
    # λ = 9 clips none of the samples: what is clipped at the bound, the bound clips.
    body = (lambda m, x: m.act(x)) if isinstance(relu, nn.Module) else lambda m, x: relu(x)
    modules = {"act": relu} if isinstance(relu, nn.Module) else {}
    model = Call(body, **modules)
    network = prepare(model, ActivationConfig(levels=2**12, threshold=9.0)).eval()
    (layer,) = activations(network).values()
    assert layer.threshold.item() == pytest.approx(bound or 9)
    assert torch.allclose(network(SAMPLES), model(SAMPLES), atol=5e-3)


def test_thresholds_are_fitted_below_the_bound():
    network = prepare(nn.Sequential(nn.ReLU6(), nn.ReLU()))
    fit_thresholds_(network, SAMPLES, quantile=1.0)
    assert [layer.threshold.item() for layer in activations(network).values()] == [
        pytest.approx(6), pytest.approx(6)
    ]  # fmt: skip
    fit_thresholds_(network, SAMPLES / 3, quantile=1.0)
    assert network.get_submodule("0").threshold.item() == pytest.approx(3)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (lambda m, x: x.clamp(-1, 6), "clamp"),
        (lambda m, x: x.clamp(max=6), "clamp"),
        (lambda m, x: x.clamp(0.5), "clamp"),
        (lambda m, x: x.clamp(0, x.mean()), "clamp"),
        (lambda m, x: F.hardtanh(x), "hardtanh"),
        (lambda m, x: F.threshold(x, 0.1, 0), "threshold"),
        (lambda m, x: m.act(x), "Hardtanh `act`"),
    ],
)
def test_what_only_looks_like_a_relu_is_refused(body, name):
    with pytest.raises(PreparationError, match=name):
        prepare(Call(lambda m, x: F.relu(body(m, x)), act=nn.Hardtanh()))
