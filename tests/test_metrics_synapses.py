"""Spikes and operations against counts by hand, in loops, by Jacobians and by NeuroBench."""

from __future__ import annotations

import operator
import warnings
from collections import OrderedDict, defaultdict
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from resnoise.metrics.synapses import synapses
from resnoise.simulation.simulator import simulate
from tests.counted import images, measure, spiking, three_layers


def spikes_of(network, x, timesteps):
    """Spikes of every layer, booleans `[T, N, ...]`."""
    spikes = {}
    handles = [
        layer.register_forward_hook(
            lambda layer, args, output, name=name: spikes.update({name: output[0] != 0})
        )
        for name, layer in network.spiking_layers.items()
    ]
    simulate(network, x, timesteps)
    for handle in handles:
        handle.remove()
    return {name: s.unflatten(0, (timesteps, -1)).numpy() for name, s in spikes.items()}


def connections(layer, shape):
    """Every pair of an input position and a weight that meet in a 2-d convolution, padding out."""
    _, height, width = shape
    size, stride, padding = layer.kernel_size[0], layer.stride[0], layer.padding[0]
    dilation, inputs = layer.dilation[0], layer.in_channels // layer.groups
    rows = (height + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    columns = (width + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    for o, r, c in product(range(layer.out_channels), range(rows), range(columns)):
        first = o // (layer.out_channels // layer.groups) * inputs
        for i, ky, kx in product(range(inputs), range(size), range(size)):
            y, x = r * stride - padding + ky * dilation, c * stride - padding + kx * dilation
            if 0 <= y < height and 0 <= x < width:
                yield (first + i, y, x), (o, i, ky, kx)


@pytest.mark.parametrize("backend", ["reference", "norse", "snntorch"])
def test_three_layers_counted_in_loops(backend):
    if backend != "reference":
        pytest.importorskip(backend)
    count, timesteps = 2, 3
    x = images(count, 2, 8, 8)
    x[x < 0.5] = 0
    model = three_layers()
    network = spiking(model, 0.7, backend)
    spikes = spikes_of(network, x, timesteps)
    assert 0 < spikes["3"].mean() < 1

    dense, effective, acs = defaultdict(float), defaultdict(float), 0.0
    for (c, i, j), _ in connections(model[0], (2, 8, 8)):
        dense["0"] += 1
        effective["0"] += np.mean([float(image[c, i, j] != 0) for image in x])
    for (c, i, j), weight in connections(model[2], (4, 8, 8)):
        dense["2"] += 1
        if model[2].weight[weight] != 0:
            effective["2"] += spikes["1"][:, :, c, i, j].sum() / count
    acs += effective["2"]
    for c, i, j in product(range(6), range(2), range(2)):
        window = spikes["3"][:, :, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        dense["6"] += 3
        effective["6"] += 3 * window.any((2, 3)).sum() / count
        acs += 3 * window.sum() / count

    activity = measure(network, x, timesteps)
    assert activity.macs == dense["0"]
    assert activity.synops_dense == dense["0"] + timesteps * (dense["2"] + dense["6"])
    assert activity.synops_effective == pytest.approx(sum(effective.values()), rel=1e-12)
    assert activity.acs == pytest.approx(acs, rel=1e-12)
    assert activity.energy_nj == pytest.approx((4.6 * dense["0"] + 0.9 * acs) / 1000)
    assert activity.firing_rates == pytest.approx({n: s.mean() for n, s in spikes.items()})
    both = np.concatenate([s.reshape(-1) for s in spikes.values()])
    assert activity.firing_rate == pytest.approx(both.mean())


def test_neurobench_counts_the_same():
    pytest.importorskip("snntorch")
    pytest.importorskip("neurobench")
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import SNNTorchModel

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=2, dilation=2, groups=4),
        nn.ReLU(),
        nn.Conv2d(8, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 4 * 4, 5),
    )
    network = spiking(model, threshold=1.0, backend="snntorch")  # θ = 1: unit spikes
    x, timesteps = images(3, 2, 8, 8) * 3, 4

    class OverTime(nn.Module):
        """In NeuroBench's order, `[N, T, ...]`."""

        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, data):
            return self.network(data[:, 0], data.shape[1])[0]

    benchmarked = SNNTorchModel(OverTime(), custom_forward=True)
    benchmarked.register_hooks()
    data = x.unsqueeze(1).expand(-1, timesteps, -1, -1, -1)
    with torch.no_grad():
        theirs = SynapticOperations()(benchmarked, benchmarked(data), (data, None))
    benchmarked.cleanup_hooks()

    ours = measure(network, x, timesteps)
    assert theirs["Effective_ACs"] > 0
    assert ours.synops_dense == theirs["Dense"]
    assert ours.synops_effective == theirs["Effective_MACs"] + theirs["Effective_ACs"]
    assert ours.acs == theirs["Effective_ACs"]
    assert ours.macs == theirs["Effective_MACs"]  # no pixel is zero


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (4, 7, 6)),
        (nn.Conv2d(4, 4, (3, 1), padding="same", dilation=2, bias=False), (4, 6, 6)),
        (nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"), (4, 5, 5)),
        (nn.Conv1d(4, 6, 5, stride=3, padding=2), (4, 11)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2), (4, 4, 5)),
        (nn.Linear(7, 5), (3, 7)),
    ],
)
def test_fan_out_is_the_number_of_entries_in_the_jacobian(layer, shape):
    # The layer after the first spikes; an identity makes any shape of image a current.
    network = spiking(nn.Sequential(nn.Identity(), nn.ReLU(), layer))
    connected = jacobian(layer, torch.rand(1, *shape)) != 0
    fan_out = connected.reshape(-1, *shape).sum(0)
    counted = synapses(network, torch.rand(2, *shape))
    (site,) = counted.sites["2"]
    assert site.fan_out.tolist() == fan_out.tolist()
    assert site.dense == fan_out.sum()
    assert counted.accumulates["1"].sum(0).tolist() == fan_out.tolist()


def test_padding_is_no_operation():
    network = spiking(nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Flatten()))
    activity = measure(network, images(1, 3, 1, 1), 2)
    assert activity.macs == activity.synops_dense == 3 * 5


def test_spikes_cost_their_fan_out_in_every_window_of_an_overlapping_pool():
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a maximum pool becomes an average pool
        network = spiking(
            nn.Sequential(nn.Identity(), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 5, 1))
        )
    windows = torch.zeros(6, 6)
    for i, j in product(range(3), range(3)):
        windows[max(0, 2 * i - 1) : 2 * i + 2, max(0, 2 * j - 1) : 2 * j + 2] += 1
    counted = synapses(network, images(1, 2, 6, 6))
    torch.testing.assert_close(
        counted.accumulates["1"].sum(0), (5 * windows).expand(2, 6, 6).double(), rtol=1e-12, atol=0
    )


class TwoBranches(nn.Module):
    """Scaled, subtracted, normalised, pooled over everything: one synapse an output all along."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 1)
        self.norm = nn.BatchNorm2d(2)
        self.scale = nn.Parameter(torch.rand(2, 1, 1))
        self.classifier = nn.Linear(2, 3)

    def forward(self, x):
        difference = self.scale * torch.relu(self.a(x)) - torch.relu(self.b(x)) / 4
        return self.classifier(self.norm(difference).mean((2, 3)))


def test_scalings_signs_and_norms_cost_nothing():
    torch.manual_seed(0)
    network = spiking(TwoBranches().eval(), threshold=0.2)
    x = images(2, 1, 4, 4)
    spikes = sum(s.sum() for s in spikes_of(network, x, 3).values())
    assert spikes > 0
    assert measure(network, x, 3).acs == pytest.approx(3 * spikes / 2, rel=1e-12)


class Combined(nn.Module):
    """Two layers of neurons, which no operation between can change, and one that reads both."""

    def __init__(self, combine):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 5)
        self.combine = combine

    def forward(self, x):
        return self.c(self.combine(torch.relu(self.a(x)), torch.relu(self.b(x))))


@pytest.mark.parametrize(
    "combine",
    [
        lambda p, q: p + q,
        lambda p, q: operator.iadd(p, q),
        *(lambda p, q, k=k: torch.add(p, q, alpha=k) for k in (1, -1, 2, 0.25)),
        *(lambda p, q, k=k: torch.sub(p, q, alpha=k) for k in (1, -1, 2, 0.25)),
        lambda p, q: torch.add(p, other=q, alpha=2),
        lambda p, q: torch.add(input=p, other=q, alpha=2),
        lambda p, q: p.add(q, alpha=2),
        lambda p, q: p.add(other=q, alpha=2),
        lambda p, q: p.add_(q, alpha=2),
        lambda p, q: p.add_(other=q, alpha=2),
        lambda p, q: torch.sub(p, other=q),
        lambda p, q: p.sub(other=q, alpha=2),
        lambda p, q: (1 + p) + (q + 1),
        lambda p, q: (1 - p) + (q - 1),
        lambda p, q: torch.add(p, 1, alpha=2) + torch.add(1, q, alpha=2),
        lambda p, q: p.add(1, alpha=2) + q.add(other=1),
        lambda p, q: torch.mul(p, other=2) + torch.mul(input=q, other=2),
    ],
)
def test_what_is_added_costs_its_spikes_whatever_it_is_scaled_by(combine):
    torch.manual_seed(0)
    network = spiking(Combined(combine), threshold=0.3)
    x = images(2, 3)
    assert all((a.sum(0) == 5).all() for a in synapses(network, x).accumulates.values())
    first, second = (s.sum() for s in spikes_of(network, x, 4).values())
    assert min(first, second) > 0
    assert measure(network, x, 4).acs == 5 * (first + second) / 2


@pytest.mark.parametrize(
    "features",
    [
        lambda h: h.size(1) * 4, lambda h: h.size(2) + 4, lambda h: 10 - h.shape[1],
        lambda h: h.size(1) * h.size(2), lambda h: 16 // h.shape[1],
    ],
)  # fmt: skip
def test_arithmetic_with_sizes_is_computed(features):
    class Reshaped(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.c = nn.Linear(3, 4), nn.Linear(8, 5)

        def forward(self, x):
            h = torch.relu(self.a(x))
            return self.c(h.reshape(h.size(0), features(h)))

    (accumulates,) = synapses(spiking(Reshaped()), images(2, 2, 3)).accumulates.values()
    assert accumulates.sum(0).tolist() == [[5] * 4] * 2


def test_a_module_may_have_the_name_of_a_sum():
    layers = OrderedDict(a=nn.Linear(3, 4), relu=nn.ReLU(), add=nn.Flatten(), c=nn.Linear(8, 5))
    counted = synapses(spiking(nn.Sequential(layers)), images(2, 2, 3))
    assert counted.accumulates["relu"].sum(0).tolist() == [[5] * 4] * 2


class InPlace(nn.Module):
    """A shortcut as torchvision's ResNets add it, and one onto spikes."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 5)

    def forward(self, x):
        spikes = torch.relu(self.a(x))
        current = self.b(spikes)
        current += spikes
        out = torch.relu(current)
        out += spikes
        return self.c(out)


def test_shortcuts_in_place():
    torch.manual_seed(0)
    network = spiking(InPlace(), threshold=0.3)
    x = images(2, 3)
    first, second = (s.sum() for s in spikes_of(network, x, 4).values())
    assert min(first, second) > 0
    assert measure(network, x, 4).acs == (3 * first + 5 * (first + second)) / 2


class ShortcutOntoSpikes(nn.Module):
    """Adds to the tensor that a layer of neurons put out, in place or not."""

    def __init__(self, in_place):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 5)
        self.in_place = in_place

    def forward(self, x):
        first = torch.relu(self.a(x))
        second = torch.relu(self.b(first))
        added = second.add_(first) if self.in_place else second + first
        return self.c(added)


def test_what_is_written_over_spikes_is_counted():
    measured = []
    for in_place in (False, True):
        torch.manual_seed(0)
        network = spiking(ShortcutOntoSpikes(in_place), threshold=0.3)
        measured.append(measure(network, images(20, 3), 4))
    assert measured[0].synops_effective == measured[1].synops_effective
    assert measured[0].acs == measured[1].acs


def test_weights_on_weights_are_macs_at_every_step():
    torch.manual_seed(0)
    network = spiking(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), nn.Linear(4, 5)))
    for steps in (1, 3):
        activity = measure(network, images(2, 2), steps)
        assert activity.macs == 2 * 3 + steps * 4 * 5
        assert activity.synops_dense == 2 * 3 + steps * (3 * 4 + 4 * 5)


class Residual(nn.Module):
    """The last layer reads spikes and another layer's output, no neurons between."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 5)

    def forward(self, x):
        spikes = torch.relu(self.a(x))
        return self.c(spikes + self.b(spikes))


def test_spikes_mixed_with_real_numbers_are_real_numbers():
    torch.manual_seed(0)
    network = spiking(Residual(), threshold=0.3)
    x = images(2, 2)
    (spikes,) = spikes_of(network, x, 4).values()
    assert spikes.any()
    activity = measure(network, x, 4)
    assert activity.macs == 2 * 3 + 4 * 3 * 5
    assert activity.acs == 3 * spikes.sum() / 2


def test_a_layer_used_before_and_after_spikes_counts_as_each():
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    network = spiking(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), layer), threshold=0.3)
    x = images(2, 3)
    spikes = sum(s.sum() for s in spikes_of(network, x, 4).values())
    activity = measure(network, x, 4)
    assert activity.macs == 9
    assert activity.synops_dense == 9 + 4 * (9 + 9)
    assert activity.acs == 3 * spikes / 2
