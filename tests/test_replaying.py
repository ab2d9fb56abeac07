"""Simulations as CUDA graphs, with graphs that are recorded on a CPU: the same result, and no more
of them than are needed.
"""

import copy
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from networks import images, plain, source
from simulations import METHODS, SHAPE, TIMESTEPS, simulation_of
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnoise import DataOptions, backends, job_of
from resnoise.conversion.converter import convert
from resnoise.evaluation import costs
from resnoise.evaluation.subject import Subject
from resnoise.metrics import ActivityMeter, forward_pass, plain_network
from resnoise.simulation import batching, replaying
from resnoise.simulation.batching import Limits, over_images, over_time
from resnoise.simulation.replaying import KEPT, replayed, without_graphs
from resnoise.simulation.simulator import _Steps, simulate
from tests.recorded_graphs import graphs  # noqa: F401 - a fixture

WEIGHTS = Path(__file__).parent.parent / "results/check/digits/best.json"
every_backend = pytest.mark.parametrize("backend", backends.available())


def launched(simulation, x, timesteps=TIMESTEPS):
    with without_graphs():
        return simulation(x, timesteps)


@every_backend
@pytest.mark.parametrize("name", METHODS)
def test_a_graph_computes_what_it_stands_for(name, backend, graphs):  # noqa: F811
    simulation = simulation_of(name, backend)
    batches = [images(5, *SHAPE, seed=seed) for seed in range(4)]
    expected = [launched(simulation, x) for x in batches]
    assert graphs == []
    found = [simulation(x, TIMESTEPS) for x in batches]  # results are the caller's to keep
    assert [graph.replays for graph in graphs] == [3]  # the first batch was launched
    assert all(torch.equal(got, x) for got, x in zip(found, expected, strict=True))
    assert not torch.equal(found[0], found[1])


@every_backend
def test_weights_and_thresholds_that_change_in_place_are_seen(backend, graphs):  # noqa: F811
    network = convert(source(plain()), backend)
    x = images(5, *SHAPE)
    before = [simulate(network, x, TIMESTEPS) for _ in range(2)][1]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.5)
        for layer in network.spiking_layers.values():
            layer.threshold.mul_(0.5)
    with without_graphs():
        expected = simulate(network, x, TIMESTEPS)
    assert torch.equal(simulate(network, x, TIMESTEPS), expected)
    assert not torch.equal(before, expected)
    assert len(graphs) == 1


def test_what_is_replaced_has_a_graph_of_its_own(graphs):  # noqa: F811
    simulation = simulation_of("ftbc", "reference")
    network, x = simulation.network, images(5, *SHAPE)
    for _ in range(2):
        simulation(x, TIMESTEPS)
    changes = [
        lambda: simulation.calibrate_(images(20, *SHAPE, seed=1), TIMESTEPS),
        lambda: network.half().float(),  # parameters stay the same objects, elsewhere in memory
        lambda: network.spiking_layers["2"].__setattr__("checkpointed", True),
    ]
    for count, change in enumerate(changes, start=2):
        change()
        expected = launched(simulation, x)
        assert all(torch.equal(simulation(x, TIMESTEPS), expected) for _ in range(3))
        assert len(graphs) == count


def test_portions_are_of_one_size_and_the_last_is_launched(graphs, monkeypatch):  # noqa: F811
    monkeypatch.setattr(batching, "ACCELERATOR", Limits(3 * TIMESTEPS, 2**30, TIMESTEPS))
    network, x = convert(source(plain())), images(10, *SHAPE)
    with without_graphs():
        expected = simulate(network, x, TIMESTEPS)
        parts = [simulate(network, part, TIMESTEPS) for part in x.split(3)]
    assert torch.equal(expected, torch.cat(parts, dim=1))
    assert torch.equal(simulate(network, x, TIMESTEPS), expected)
    assert [graph.replays for graph in graphs] == [2]  # of four portions, 3 + 3 + 3 + 1
    assert torch.equal(simulate(network, x, TIMESTEPS), expected)
    assert [graph.replays for graph in graphs] == [5, 1]  # the last comes again, and has its own


def test_a_long_simulation_is_one_graph(graphs, monkeypatch):  # noqa: F811
    monkeypatch.setattr(batching, "ACCELERATOR", Limits(10, 2**30, 2))
    simulation, x = simulation_of("cos", "reference", 9), images(4, *SHAPE)
    expected = launched(simulation, x, 9)
    assert all(torch.equal(simulation(x, 9), expected) for _ in range(3))
    assert len(graphs) == 1


def test_a_network_takes_its_graphs_with_it(graphs):  # noqa: F811
    network = convert(source(plain()))
    for _ in range(2):
        simulate(network, images(5, *SHAPE), TIMESTEPS)
    gone = weakref.ref(network), weakref.ref(graphs.pop())
    del network  # at once, though modules of it refer to each other
    assert [reference() for reference in gone] == [None, None]


def test_few_graphs_are_kept_those_used_last(graphs):  # noqa: F811
    network, x = convert(source(plain())), images(5, *SHAPE)
    for steps in range(1, KEPT + 3):
        for _ in range(2):
            simulate(network, x, steps)
    assert len(graphs) == KEPT + 2
    alive = [weakref.ref(graph) for graph in graphs]
    graphs.clear()
    assert [reference() is not None for reference in alive] == [False] * 2 + [True] * KEPT
    simulate(network, x, KEPT + 2)
    assert not graphs
    simulate(network, x, 1)
    assert not graphs  # forgotten, so this was the first time


def test_what_was_simulated_once_has_no_graph(graphs):  # noqa: F811
    network = convert(source(plain()))
    for count in (1, 2, 3):
        simulate(network, images(count, *SHAPE), TIMESTEPS)
        simulate(network, images(count, *SHAPE), TIMESTEPS + 1)
    assert not graphs


def test_settings_of_torch_are_part_of_what_is_captured(graphs, monkeypatch):  # noqa: F811
    network, x = convert(source(plain())), images(5, *SHAPE)
    for allowed in (True, False):
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
        for _ in range(2):
            simulate(network, x, TIMESTEPS)
    assert len(graphs) == 2
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            assert simulate(network, x, TIMESTEPS).dtype == torch.bfloat16
    assert len(graphs) == 3


def test_what_is_observed_or_unknown_is_launched(graphs):  # noqa: F811
    network, x = convert(source(plain())), images(5, *SHAPE)
    meter = ActivityMeter(network)
    with meter.counting():
        for _ in range(3):
            expected = simulate(network, x, TIMESTEPS)
    assert meter.activity(TIMESTEPS).firing_rate > 0

    def unknown(network, part):
        return over_time(network, part, TIMESTEPS)[0]

    with torch.inference_mode():
        found = [over_images(network, x, TIMESTEPS, unknown) for _ in range(3)]
    assert all(torch.equal(got, expected) for got in found)
    for _ in range(3):  # under gradients
        assert torch.equal(replayed(_Steps(TIMESTEPS), network, x), expected)
    assert not graphs
    with torch.no_grad():
        found = [replayed(_Steps(TIMESTEPS), network, x) for _ in range(3)]
    assert len(graphs) == 1
    assert not any(got.is_inference() for got in found)


def test_what_cannot_be_captured_runs_without(graphs, monkeypatch):  # noqa: F811
    network, x = convert(source(plain())), images(5, *SHAPE)
    expected = simulate(network, x, TIMESTEPS)

    def refuse(graph, pool, stream):
        raise RuntimeError("operation not permitted when stream is capturing")

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "graph", refuse)
        with pytest.warns(UserWarning, match="operation not permitted .*; it runs without, slower"):
            assert torch.equal(simulate(network, x, TIMESTEPS), expected)
    assert torch.equal(simulate(network, x, TIMESTEPS), expected)  # and is not tried again
    assert [graph.replays for graph in graphs] == [0]


def test_too_little_memory_for_a_graph(graphs, monkeypatch):  # noqa: F811
    network, x = convert(source(plain())), images(5, *SHAPE)
    expected = simulate(network, x, TIMESTEPS)

    def refuse(*given, **options):
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(replaying, "Replay", refuse)
        with pytest.warns(UserWarning, match="memory for a CUDA graph of 5 images, but there is"):
            assert torch.equal(simulate(network, x, TIMESTEPS), expected)
    assert torch.equal(simulate(network, x, TIMESTEPS), expected)
    assert not graphs


def test_threads_take_turns(graphs):  # noqa: F811
    network = convert(source(plain()))
    batches = [images(5, *SHAPE, seed=seed) for seed in range(20)]
    with without_graphs():
        expected = [simulate(network, x, TIMESTEPS) for x in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: simulate(network, x, TIMESTEPS), batches))
    assert all(torch.equal(got, x) for got, x in zip(found, expected, strict=True))
    assert [graph.replays for graph in graphs] == [19]


def test_a_forward_pass_to_compare_with_is_a_graph_as_well(graphs):  # noqa: F811
    network = plain_network(source(plain()))
    x = images(5, *SHAPE)
    run = forward_pass(network, x)
    assert torch.equal(run(), network(x))
    assert [graph.replays for graph in graphs] == [1]


def test_memory_is_that_of_a_simulation_without_a_graph(graphs, monkeypatch):  # noqa: F811
    job = job_of(WEIGHTS, DataOptions("digits"))
    subject = Subject(job, WEIGHTS, "reference", 2)
    replays = []

    def peak_memory(function, device):
        before = [graph.replays for graph in graphs]
        function()
        replays.append([graph.replays for graph in graphs] == before)
        return 1.0

    monkeypatch.setattr(costs, "peak_memory_mib", peak_memory)
    monkeypatch.setattr(costs, "WARMUP", 1)
    (cost,) = costs.measure_costs(subject, [2])
    assert cost["peak_memory_mib"] == 1.0
    assert replays == [True]
    assert len(graphs) == 4  # of a batch and of one image, with spikes and without


class Devices(TorchDispatchMode):
    """Notes the devices of the tensors of every operation."""

    def __init__(self):
        super().__init__()
        self.copies = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, torch.Tensor)]
        # A number in a tensor of the CPU goes with the launch of a kernel, but for a copy.
        elsewhere = any(x.device.type == "cpu" and x.dim() for x in tensors)
        if len({x.device.type for x in tensors}) > 1 and (elsewhere or "copy" in str(function)):
            self.copies.append(str(function))
        return result


@every_backend
@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_done_that_a_graph_cannot_capture(name, backend):
    """Tensors without values, as of another device: to look at one fails, to copy one is seen."""
    simulation = simulation_of(name, backend)
    seen = []
    simulation.network = copy.deepcopy(simulation.network).to("meta")
    on_meta = torch.empty(5, *SHAPE, device="meta")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "require_images", lambda x: None)
        patch.setattr(
            batching,
            "replayed",
            lambda simulate, *given: (seen.append(simulate), simulate(*given))[1],
        )
        with Devices() as devices:
            assert simulation(on_meta, TIMESTEPS).device.type == "meta"
    assert isinstance(seen[0], replaying.Replayable)
    assert devices.copies == []
