"""What only a GPU can show; `make doctor` runs these, in two minutes at most."""

import gc

import pytest
import torch
from networks import images, source
from simulations import METHODS, SHAPE, TIMESTEPS, simulation_of
from tiny_job import tiny_job

from resnoise import backends
from resnoise.config.execution import ExecutionConfig
from resnoise.conversion.converter import convert
from resnoise.methods.induction import induce
from resnoise.simulation.network import compile_neurons_
from resnoise.simulation.replaying import without_graphs
from resnoise.simulation.simulator import simulate
from resnoise.training import checkpoint
from resnoise.training.trainer import Trainer, train
from resnoise.utils.precision import true_float32
from resnoise.utils.replay import Replay

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
CUDA = ExecutionConfig(device="cuda")


def test_a_replayed_graph_draws_anew_from_the_seed():
    drawn = torch.zeros(1000, device="cuda")
    draw = Replay(lambda x: drawn.copy_(x + torch.randn_like(x)), [drawn], captured=True)
    assert draw.is_captured
    zeros = torch.zeros_like(drawn)
    torch.cuda.manual_seed(1)
    first, second = draw(zeros).clone(), draw(zeros).clone()
    torch.cuda.manual_seed(1)
    assert torch.equal(draw(zeros), first)
    assert not torch.equal(first, second)


def test_what_cannot_be_captured_runs_without_a_graph():
    x = torch.ones(3, device="cuda")
    with pytest.warns(UserWarning, match="that a CUDA graph can capture, but got: "):
        times = Replay(lambda x: x * x.sum().item(), [x], captured=True)
    assert not times.is_captured
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    assert torch.equal(times(2 * x), 12 * x)
    after = Replay(lambda x: 3 * x, [x], captured=True)
    assert after.is_captured
    assert torch.equal(after(x), 3 * x)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_training_is_one_graph_and_depends_on_the_seed(compiled, tmp_path):
    execution = ExecutionConfig(device="cuda", compile=compiled)
    trainer = Trainer(tiny_job(epochs=2), tmp_path / "one", execution)
    for _ in range(2):
        trainer.run_epoch()
    trainer.save()
    assert trainer.step.is_captured
    train(tiny_job(epochs=2), tmp_path / "other", execution)
    (info, tensors), (other, expected) = (
        checkpoint.read(tmp_path / name / "last.json") for name in ("one", "other")
    )
    assert info.history[0]["train_loss"] == pytest.approx(other.history[0]["train_loss"], rel=1e-3)
    assert all(torch.allclose(tensors[n], x, rtol=1e-2, atol=1e-3) for n, x in expected.items())


def test_a_training_that_was_stopped_resumes_to_the_same_result(tmp_path):
    train(tiny_job("qcfs"), tmp_path / "whole", CUDA)
    trainer = Trainer(tiny_job("qcfs"), tmp_path / "stopped", CUDA)
    trainer.run_epoch()
    trainer.save()
    train(tiny_job("qcfs"), tmp_path / "stopped", CUDA)
    _, expected = checkpoint.read(tmp_path / "whole" / "last.json")
    _, tensors = checkpoint.read(tmp_path / "stopped" / "last.json")
    assert all(torch.allclose(tensors[n], x, rtol=1e-2, atol=1e-3) for n, x in expected.items())


def test_simulations_and_inductions_are_those_of_the_cpu():
    network, x = source("resnet20"), images(50, 3, 32, 32)
    y = torch.arange(50) % 10
    with true_float32():
        expected = induce(network, [(x, y)], 4)
        spikes = simulate(convert(network), x, 4)
        network.to("cuda")
        got = induce(network, [(x.cuda(), y.cuda())], 4, side_by_side=True)
        on_gpu = simulate(convert(network), x.cuda(), 4)
    same = (on_gpu.cpu().sum(0).argmax(-1) == spikes.sum(0).argmax(-1)).double().mean()
    assert same > 0.9  # a sum in another order moves spikes over the threshold
    for name, layer in expected.layers.items():
        assert got.layers[name].sigma == pytest.approx(layer.sigma, rel=0.02, abs=1e-4)


@pytest.mark.filterwarnings("error:expected:UserWarning")  # what cannot be captured, or has no room
@pytest.mark.parametrize(
    ("name", "backend", "compiled"),
    [
        *((name, backend, False) for name in METHODS for backend in backends.available()),
        ("nq", "reference", True),
        ("cos", "norse", True),
        ("ftbc-snm", "snntorch", True),
    ],
)
def test_a_simulation_is_one_graph_with_the_same_result(name, backend, compiled, graphs_made):
    simulation = simulation_of(name, backend, device="cuda")
    if compiled:
        compile_neurons_(simulation.network)
    batches = [images(50, *SHAPE, seed=seed).cuda() for seed in range(4)]
    with true_float32():
        with without_graphs():
            expected = [simulation(x, TIMESTEPS) for x in batches]
        assert graphs_made == []
        found = [simulation(x, TIMESTEPS) for x in batches]
    assert graphs_made == ["replay"] * 3
    assert all(torch.equal(got, x) for got, x in zip(found, expected, strict=True))


@pytest.fixture
def graphs_made(monkeypatch):
    """What graphs were asked to do."""
    done = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(
        torch.cuda.CUDAGraph, "replay", lambda graph: (done.append("replay"), replay(graph))[1]
    )
    return done


def test_a_network_takes_the_memory_of_its_graphs_with_it():
    def used():
        gc.collect()
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved()

    def simulated():
        network, x = convert(source("resnet20").cuda()), images(100, 3, 32, 32).cuda()
        for steps in (1, 2, 4, 8):
            for _ in range(3):
                simulate(network, x, steps)
        return used()

    simulated()  # workspaces of the libraries stay
    before = used()
    assert simulated() > before
    assert used() == before
