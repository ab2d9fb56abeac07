"""The neurons that users of a library train with, against their equations in NumPy."""

import numpy as np
import pytest
import torch

from resnoise import backends
from resnoise.check.exact_neurons import currents

T, N = 8, 64


def iaf(current):
    """Adds up, fires above 1, resets to 0."""
    v = np.zeros(N)
    for now in current:
        v = v + now
        spikes = v > 1
        v = np.where(spikes, 0, v)
        yield spikes


def lif(current):
    """Membrane and synapse decay by half; and the current of a step is felt in it."""
    v = i = np.zeros(N)
    for now in current:
        i = i + now
        v = v + (i - v) / 2
        i = i / 2
        spikes = v > 1
        v = np.where(spikes, 0, v)
        yield spikes


def lsnn(current):
    """The same with a threshold that rises by 3/2 at a spike and halves its way back to 1."""
    v = i = np.zeros(N)
    b = np.ones(N)
    for now in current:
        v = v + (i - v) / 2
        i = i / 2
        b = b + (1 - b) / 2
        spikes = v > b
        v = np.where(spikes, 0, v)
        i = i + now
        b = b + 1.5 * spikes
        yield spikes


def with_delayed_reset(decayed):
    """snnTorch's default: the spike of a step is taken off in the next one."""

    def run(current):
        v = synapse = np.zeros(N)
        for now in current:
            reset = v > 1
            synapse, v = decayed(synapse, v, now)
            v = v - reset
            yield v > 1

    return run


ORACLES = {
    ("norse", "IAF"): iaf,
    ("norse", "LIF"): lif,
    ("norse", "LSNN"): lsnn,
    ("snntorch", "Lapicque"): with_delayed_reset(lambda i, v, now: (i, v / 2 + now / 2)),
    ("snntorch", "Leaky with learnable parameters"): with_delayed_reset(
        lambda i, v, now: (i, v / 2 + now)
    ),
    ("snntorch", "Synaptic"): with_delayed_reset(
        lambda i, v, now: (i / 2 + now, v / 2 + i / 2 + now)
    ),
}


def make(backend, name):
    if backend not in backends.available():
        pytest.skip(backends.missing()[backend])
    return backends.get(backend).trainable[name]()


@pytest.mark.parametrize(("backend", "name"), ORACLES, ids=str)
def test_spikes_are_those_of_the_equations(backend, name):
    current = currents(T, N)
    spikes = make(backend, name)(current)
    expected = np.stack(list(ORACLES[backend, name](current.double().numpy())))
    assert spikes.detach().numpy().tolist() == expected.astype(float).tolist()
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize(("backend", "name"), ORACLES, ids=str)
def test_nothing_is_rounded_and_nothing_stays_between_calls(backend, name):
    neurons, current = make(backend, name), currents(T, N)
    first = neurons(current)
    assert torch.equal(neurons(current), first)
    assert torch.equal(neurons.double()(current.double()).float(), first)


def test_every_neuron_has_its_equations_here():
    found = {(b, n) for b in backends.available() for n in backends.get(b).trainable}
    assert found <= set(ORACLES)


def test_what_is_learnable_has_a_gradient():
    neurons = make("snntorch", "Leaky with learnable parameters")
    neurons(currents(T, N)).sum().backward()
    gradients = {name.rpartition(".")[2]: p.grad for name, p in neurons.named_parameters()}
    assert {name for name, gradient in gradients.items() if gradient.abs() > 0} >= {
        "beta",
        "threshold",
    }
