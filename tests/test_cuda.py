"""What only a GPU can show; `make doctor` runs these, in two minutes at most."""

import pytest
import torch
from networks import images, source
from tiny_job import tiny_job

from resnoise.config.execution import ExecutionConfig
from resnoise.conversion.converter import convert
from resnoise.methods.induction import induce
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
