"""The reference semantics of the integrate-and-fire neuron against a NumPy loop by hand."""

import numpy as np
import pytest
import torch

from resnoise.simulation.neuron import IFState, if_step, initial_state


def run(currents, state, threshold):
    spikes = []
    for current in currents:
        spike, state = if_step(current, state, threshold)
        spikes.append(spike)
    return torch.stack(spikes), state


def by_hand(currents, v, threshold, gate=None):
    """The three lines of the method, in float32, element by element."""
    v = np.array(v, dtype=np.float32)
    spikes = np.zeros(currents.shape, dtype=np.float32)
    for t in range(len(currents)):
        for index in np.ndindex(v.shape):
            u = np.float32(v[index] + currents[t][index])
            fires = u >= threshold and (gate is None or gate[index] == 1)
            spikes[t][index] = 1 if fires else 0
            v[index] = np.float32(u - threshold) if fires else u
    return spikes, v


def test_published_trap_of_a_residual_above_the_threshold():
    currents = torch.tensor([2.6, 0, 0, 0.4, 0.4]).unsqueeze(1)
    spikes, _ = run(currents, IFState(torch.zeros(1)), torch.tensor(1.0))
    assert spikes.flatten().tolist() == [1, 1, 0, 0, 1]


def test_rest_is_half_the_threshold():
    like = torch.empty(2, 3, dtype=torch.float64)
    state = initial_state(like, torch.tensor(3.0))
    assert state.gate is None
    assert torch.equal(state.v, torch.full((2, 3), 1.5, dtype=torch.float64))


def test_exactly_at_the_threshold_fires():
    spikes, state = if_step(torch.tensor([0.25]), IFState(torch.tensor([0.5])), torch.tensor(0.75))
    assert spikes.item() == 1
    assert state.v.item() == 0


@pytest.mark.parametrize("gated", [False, True])
def test_random_currents_by_hand(gated):
    rng = np.random.default_rng(0)
    currents = rng.normal(0.4, 1.0, (12, 5, 7)).astype(np.float32)
    threshold = np.float32(0.7)
    gate = rng.integers(0, 2, (5, 7)).astype(np.float32) if gated else None
    start = np.full((5, 7), threshold / 2, dtype=np.float32)
    expected, expected_v = by_hand(currents, start, threshold, gate)
    state = initial_state(torch.empty(5, 7), torch.tensor(threshold))
    state = state._replace(gate=None if gate is None else torch.from_numpy(gate))
    spikes, end = run(torch.from_numpy(currents), state, torch.tensor(threshold))
    assert np.array_equal(spikes.numpy(), expected)
    assert np.array_equal(end.v.numpy(), expected_v)
    assert 0.1 < expected.mean() < 0.9


def test_order_of_rounding():
    # (v + I) − θ and (v − θ) + I differ here in float32.
    v, current, threshold = (np.float32(x) for x in (0.3, 0.9, 0.7))
    assert (v + current) - threshold != (v - threshold) + current
    _, state = if_step(torch.tensor([current]), IFState(torch.tensor([v])), torch.tensor(threshold))
    assert state.v.item() == (v + current) - threshold


def test_a_closed_gate_silences_and_keeps_the_potential():
    state = IFState(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
    spikes, end = run(torch.ones(3, 2), state, torch.tensor(1.0))
    assert spikes.tolist() == [[1, 0], [1, 0], [1, 0]]
    assert end.v.tolist() == [0.5, 3.5]
    assert torch.equal(end.gate, state.gate)


def test_inputs_are_left_alone():
    current, v = torch.ones(3), torch.full((3,), 0.5)
    if_step(current, IFState(v), torch.tensor(1.0))
    assert torch.equal(current, torch.ones(3))
    assert torch.equal(v, torch.full((3,), 0.5))
