"""Latency, memory, footprint and agreement, without asking how fast the machine is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from resnoise.conversion.activation import QuantisedReLU
from resnoise.conversion.converter import convert
from resnoise.conversion.preparation import prepare
from resnoise.errors import ConfigError
from resnoise.metrics import (
    Footprint,
    Latency,
    agreement,
    alternate,
    footprint,
    overhead_ratio,
    peak_memory_mib,
    plain_network,
)


def small_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 5),
        nn.ReLU(),
        nn.Linear(5, 2),
    )
    model[1].running_mean.uniform_(-1, 1)
    model[1].running_var.uniform_(1, 2)
    return model


def test_agreement_is_the_share_of_equal_predictions():
    assert agreement(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 0, 3, 4])) == 0.75
    with pytest.raises(ConfigError, match=r"\(2, 4\) and \(4,\)"):
        agreement(torch.zeros(2, 4), torch.zeros(4))


@pytest.mark.parametrize("backend", ["reference", "norse", "snntorch"])
def test_footprint_is_weights_biases_and_thresholds(backend):
    if backend != "reference":
        pytest.importorskip(backend)
    network = convert(prepare(small_model()), backend)
    parameters = (4 * 3 * 9 + 4) + (64 * 5 + 5) + (5 * 2 + 2) + 2  # BatchNorm is in the bias of 4
    assert footprint(network) == Footprint(parameters, 4 * parameters)


def test_a_layer_of_the_models_own_may_be_called_neurons():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.neurons = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())

        def forward(self, x):
            return self.neurons(x).flatten(1)

    network = convert(prepare(Named()))
    names = {"neurons.0.weight", "neurons.0.bias", "neurons.1.threshold"}
    assert set(network.model_state) == names
    assert footprint(network).parameters == 2 + 2 + 1


def test_plain_network_is_the_model_before_it_was_prepared():
    model = small_model().eval()
    source = prepare(model).train()
    plain = plain_network(source)
    x = torch.randn(3, 3, 4, 4)
    torch.testing.assert_close(plain(x), model(x))
    kinds = {type(module) for module in plain.modules()}
    assert nn.ReLU in kinds
    assert not kinds & {QuantisedReLU, nn.BatchNorm2d}
    assert not plain.training
    assert not any(p.requires_grad for p in plain.parameters())
    # and the source network is still what it was
    assert isinstance(source.get_submodule("2"), QuantisedReLU)
    assert source.training
    assert all(p.requires_grad for p in source.parameters())


def test_functions_take_turns():
    calls = []
    functions = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    latencies = alternate(functions, repeats=2, warmup=1, device="cpu")
    assert calls == ["a", "b"] * 3
    assert list(latencies) == ["a", "b"]


def test_latency_is_median_and_interquartile_range(monkeypatch):
    # One call for warm-up, then calls of 1, 2, 3, 4 and 100 seconds.
    clock = iter([0, 50, 0, 1, 0, 2, 0, 3, 0, 4, 0, 100])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    latencies = alternate({"a": lambda: None}, repeats=5, warmup=1, device="cpu")
    assert latencies == {"a": Latency(3, 2)}


def test_latency_refuses_no_repeats():
    with pytest.raises(ConfigError, match="`repeats`"):
        alternate({}, repeats=0, warmup=0, device="cpu")
    with pytest.raises(ConfigError, match="`warmup`"):
        alternate({}, repeats=1, warmup=-1, device="cpu")


def test_overhead_ratio_is_per_step():
    assert overhead_ratio(Latency(0.6, 0.1), Latency(0.1, 0.0), timesteps=4) == pytest.approx(1.5)


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
def test_peak_memory_sees_what_a_call_allocates_every_time(device):
    kept = []

    def allocate():
        parts = []
        for _ in range(64):
            parts.append(torch.ones(2**18, device=device))  # 1 MiB, written to
            kept.append(torch.ones(2**10, device=device))  # between the others, so that malloc
            # cannot return those to the system by itself when they are freed

    if peak_memory_mib(allocate, device) is None:
        pytest.skip("this system does not tell the peak of resident memory")
    for _ in range(2):  # what the allocator kept from earlier calls must not hide this one
        assert 60 < peak_memory_mib(allocate, device) < 90
    assert peak_memory_mib(lambda: None, device) < 20
