"""A simulation in portions, on one thread or several, is the simulation."""

import weakref
from copy import deepcopy

import pytest
import torch
from networks import images, plain, source
from resnoise_baselines.srp import AfterPresimulation

from resnoise import backends
from resnoise.conversion.converter import convert
from resnoise.metrics import ActivityMeter
from resnoise.simulation import batching, threads
from resnoise.simulation.batching import Limits, Portion, over_time, portion
from resnoise.simulation.network import compile_neurons_
from resnoise.simulation.simulator import simulate

IMAGES, TIMESTEPS = 11, 7
THREE_STEPS = Limits(3 * IMAGES, 2**30, 3)


@pytest.fixture(params=["reference", "norse", "snntorch"])
def network(request):
    if request.param not in backends.available():
        pytest.skip(f"{request.param} is not installed")
    return convert(source(plain()).double(), request.param)


@pytest.fixture
def x():
    return images(IMAGES, 2, 4, 4).double()


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def limit(monkeypatch, image_steps):
    monkeypatch.setattr(batching, "CPU", Limits(image_steps, 2**30, TIMESTEPS))


@pytest.mark.parametrize(
    ("image_steps", "expected"),
    [(1, Portion(1, 1)), (5, Portion(1, 5)), (7, Portion(1, 7)), (40, Portion(5, 7))],
)
def test_portions_keep_to_the_limit(monkeypatch, network, x, image_steps, expected):
    limit(monkeypatch, image_steps)
    assert portion(network, x, TIMESTEPS) == expected


@pytest.mark.parametrize(
    ("count", "timesteps", "expected"),
    [
        (100, 32, Portion(8, 8)),
        (7, 32, Portion(8, 8)),
        (100, 4, Portion(16, 4)),
        (1, 4, Portion(16, 4)),
        (1, 32, Portion(2, 32)),
        (1, 100, Portion(1, 64)),
        (3, 100, Portion(4, 16)),
    ],
)
def test_many_images_are_taken_few_steps_at_a_time(network, count, timesteps, expected):
    assert portion(network, images(count, 2, 4, 4).double(), timesteps) == expected


@pytest.mark.parametrize("stretch", [1, 2, 3])
def test_the_stretch_does_not_change_the_result(monkeypatch, network, x, stretch):
    with torch.inference_mode():
        whole, _ = network(x, TIMESTEPS)
    monkeypatch.setattr(batching, "CPU", Limits(2 * stretch, 2**30, stretch))
    assert torch.allclose(simulate(network, x, TIMESTEPS), whole, atol=1e-12)


def test_a_large_layer_makes_small_portions(monkeypatch, network, x):
    size = network.bytes_per_image_step(x)
    widest = max(
        layer(torch.zeros_like(current), 1, None)[0].nbytes
        for layer, current in currents(network, x[:1])
    )
    assert size == widest
    monkeypatch.setattr(batching, "CPU", Limits(1000, 3 * size, TIMESTEPS))
    assert portion(network, x, TIMESTEPS) == Portion(1, 3)
    monkeypatch.setattr(batching, "CPU", Limits(1000, size - 1, TIMESTEPS))
    assert portion(network, x, TIMESTEPS) == Portion(1, 1)


def currents(network, x):
    """Every spiking layer with the current that reaches it in one step."""
    seen = []
    handles = [
        layer.register_forward_pre_hook(lambda layer, args: seen.append((layer, args[0])))
        for layer in network.spiking_layers.values()
    ]
    network(x, 1)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("image_steps", [1, 3, 7, 20, 1000])
def test_the_portion_does_not_change_the_result(monkeypatch, network, x, image_steps):
    with torch.inference_mode():
        whole, _ = network(x, TIMESTEPS)
    limit(monkeypatch, image_steps)
    assert torch.allclose(simulate(network, x, TIMESTEPS), whole, atol=1e-12)


@torch.no_grad()
def test_the_states_that_a_simulation_starts_from_can_be_used_again(monkeypatch, network, x):
    monkeypatch.setattr(batching, "CPU", THREE_STEPS)
    _, middle = network(x, 2)
    logits, end = over_time(network, x, TIMESTEPS, middle)
    expected, expected_end = network(x, TIMESTEPS, middle)
    assert torch.allclose(logits, expected, atol=1e-12)
    for state, other in zip(end, expected_end, strict=True):
        assert torch.allclose(state.v, other.v, atol=1e-12)


@torch.no_grad()
def test_a_state_does_not_outlive_its_layer(monkeypatch, network, x):
    monkeypatch.setattr(batching, "CPU", THREE_STEPS)
    first, *_, last = network.spiking_layers.values()
    _, middle = over_time(network, x, 2)  # which also measures the layers, once
    taken, alive = [], []
    first.register_forward_hook(lambda layer, args, out: taken.append(weakref.ref(args[2].v)))
    last.register_forward_hook(lambda layer, args, out: alive.append(taken[-1]() is not None))
    over_time(network, x, TIMESTEPS, middle)
    assert alive == [True, False, False]  # the caller has the first


@pytest.mark.parametrize("image_steps", [1, 3, 20, 1000])
def test_srp_in_portions(monkeypatch, network, x, image_steps):
    srp = AfterPresimulation(network, 4)
    whole = srp(x, TIMESTEPS)
    limit(monkeypatch, image_steps)
    assert torch.allclose(srp(x, TIMESTEPS), whole, atol=1e-12)


def test_threads_do_not_change_the_result(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    torch.set_num_threads(1)
    alone = simulate(network, x, TIMESTEPS)
    torch.set_num_threads(2)
    for _ in range(20):
        assert torch.equal(simulate(network, x, TIMESTEPS), alone)
    assert torch.get_num_threads() == 2


def test_threads_see_what_becomes_of_the_network(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    before = simulate(network, x, TIMESTEPS)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)
    scaled = simulate(network, x, TIMESTEPS)
    assert not torch.equal(scaled, before)
    # Buffers change place when the type does, so the copies for the threads are made anew.
    assert torch.allclose(simulate(network.float(), x.float(), 1), scaled[:1].float(), atol=1e-4)


def test_an_error_in_a_thread_is_raised(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    simulate(network, x, TIMESTEPS)
    with pytest.raises(RuntimeError, match="type"):
        simulate(network, x.float(), TIMESTEPS)


def test_what_is_observed_runs_in_order(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    seen = []
    handle = network.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    simulate(network, x, TIMESTEPS)
    handle.remove()
    assert torch.equal(torch.cat(seen), x)


def test_activity_is_counted_in_all_threads(monkeypatch, network, x, two_threads):
    simulate(network, x, TIMESTEPS)  # copies from before there were hooks
    limit(monkeypatch, TIMESTEPS)
    meter = ActivityMeter(network)
    with meter.counting():
        simulate(network, x, TIMESTEPS)
    portioned = meter.activity(TIMESTEPS)
    limit(monkeypatch, 1000)
    meter = ActivityMeter(network)
    with meter.counting():
        simulate(network, x, TIMESTEPS)
    assert portioned == meter.activity(TIMESTEPS)


def test_few_images_leave_the_number_of_threads_alone(network, two_threads):
    torch.set_num_threads(4)
    simulate(network, images(3, 2, 4, 4).double(), TIMESTEPS)
    assert torch.get_num_threads() == 4


def test_copies_are_kept_from_one_simulation_to_the_next(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    copied = []
    monkeypatch.setattr(threads, "_replica", lambda n: copied.append(n) or deepcopy(n))
    for _ in range(3):
        simulate(network, x, TIMESTEPS)
    assert len(copied) == 1


def test_copies_follow_the_network_in_being_compiled(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    simulate(network, x, TIMESTEPS)
    compile_neurons_(network)
    (replica,) = threads._replicas(network, 1)
    assert all(layer.compiled for layer in replica.spiking_layers.values())


def test_copies_that_are_observed_are_not_kept(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    meter = ActivityMeter(network)
    with meter.counting():
        simulate(network, x, TIMESTEPS)
    assert network not in threads._MADE  # whose values would lead back to it


def test_autocast_reaches_the_threads(monkeypatch, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    network = convert(source(plain()))
    with torch.autocast("cpu", torch.bfloat16):
        together = simulate(network, x.float(), TIMESTEPS)
        torch.set_num_threads(1)
        assert torch.equal(simulate(network, x.float(), TIMESTEPS), together)


def test_no_gradients_in_threads(monkeypatch, network, x, two_threads):
    limit(monkeypatch, TIMESTEPS)
    assert simulate(network, x, TIMESTEPS).is_inference()
