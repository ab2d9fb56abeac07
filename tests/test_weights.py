"""Loading tensors into networks and optimisers: what is refused before anything is changed."""

import pytest
import torch
from torch import nn

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import QuantisedReLU
from resnoise.errors import CheckpointError
from resnoise.training.weights import load_momenta_, load_state_


def test_loading_into_a_network():
    network, other = (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)) for _ in range(2))
    load_state_(network, other.state_dict(), "best.json")
    for name, value in other.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), r"`0.bias` of shape \(2,\) in float32, but got none"),
        (lambda s: s.update(extra=torch.ones(1)), r"`extra` of shape none, but got \(1,\) in fl"),
        (lambda s: s.update({"0.weight": torch.ones(2, 1, 5, 5)}),
         r"`0.weight` of shape \(2, 1, 3, 3\) in float32, but got \(2, 1, 5, 5\)"),
    ],
)  # fmt: skip
def test_tensors_of_another_architecture(change, message):
    network = nn.Sequential(nn.Conv2d(1, 2, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tensors = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    change(tensors)
    with pytest.raises(CheckpointError, match=f"best.json is of another architecture.*{message}"):
        load_state_(network, tensors, "best.json")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("0.weight", torch.full((2, 1, 3, 3), float("nan")), "`0.weight` is not finite"),
        ("1.bias", torch.tensor([float("inf"), 0]), "`1.bias` is not finite"),
        ("1.running_var", torch.tensor([1.0, -1.0]), "`1.running_var` is negative"),
        ("2.sigma", torch.tensor(-0.1), "`2.sigma` is negative"),
        ("2.sigma", torch.tensor(float("nan")), "`2.sigma` is not finite"),
        ("2.raw_threshold", torch.tensor(float("nan")), "`2.raw_threshold` is not finite"),
        ("0.weight", torch.ones(2, 1, 3, 3, dtype=torch.int32), r"float32, but got .* in int32"),
        ("0.weight", torch.ones(2, 1, 3, 3, dtype=torch.complex64), r"but got .* in complex64"),
        ("0.weight", torch.ones(2, 1, 3, 3, dtype=torch.float64), r"but got .* in float64"),
    ],
)
def test_values_that_no_training_leaves(name, value, message):
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), QuantisedReLU(ActivationConfig())
    )
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_state_(network, {**before, name: value}, "best.json")
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "weight",
            torch.ones(1),
            r"`weight` of shape \(2, 3\) in float32, but got \(1,\)",
        ),
        ("weight", torch.full((2, 3), float("inf")), "`weight` is not finite"),
        ("other", torch.ones(1), "expected `other` of shape none"),
    ],
)
def test_momenta_that_no_training_leaves(name, value, message):
    network = nn.Linear(3, 2)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    with pytest.raises(CheckpointError, match=message):
        load_momenta_(optimiser, network, {f"momentum/{name}": value}, "last.json")
    load_momenta_(optimiser, network, {"momentum/weight": torch.ones(2, 3)}, "last.json")
    assert torch.equal(optimiser.state[network.weight]["momentum_buffer"], torch.ones(2, 3))
