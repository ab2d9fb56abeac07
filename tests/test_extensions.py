"""What goes beyond the paper: each switch against NumPy by hand, and what a checkpoint keeps."""

import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_job import METHODS, tiny_job
from torch import nn

from resnoise.config.recipe import ActivationConfig, Extensions, InductionConfig
from resnoise.conversion.activation import QuantisedReLU, activations, quantise
from resnoise.errors import CheckpointError, ConfigError
from resnoise.methods.induction import Induction, extend_noise_, set_noise_
from resnoise.noise import noise_like, standardise
from resnoise.noise.residual import HISTOGRAM_BINS, LayerError
from resnoise.training import checkpoint
from resnoise.training.run_folders import run_directory, train_in
from resnoise.training.step import parameter_groups
from resnoise.training.trainer import train

COUNTS = [0, 3, 0, 1, 10, 2, 0, 0, 4]
EVERYTHING = Extensions(
    threshold_weight_decay=False,
    start_from="qcfs",
    ramp=0.625,
    averaging=0.6,
    distribution="measured",
    compensate=True,
)
LEVELWISE = Extensions(start_from="qcfs", residual="local", distribution="conditional")


def by_hand(counts):
    """Values and probabilities of q − e, standardised."""
    probability = np.array(counts) / np.sum(counts)
    sent = -np.arange(len(counts))
    mean = (probability * sent).sum()
    return (sent - mean) / math.sqrt((probability * (sent - mean) ** 2).sum()), probability


def draw(shape, counts, seed=0, **options):
    like = torch.empty(shape, **options)
    return noise_like(like, torch.tensor(seed), torch.tensor(counts))


def test_a_histogram_standardised():
    values, probability = by_hand(COUNTS)
    got = standardise(torch.tensor(COUNTS))
    assert got.values.numpy() == pytest.approx(values)
    assert got.cumulative.numpy() == pytest.approx(probability.cumsum())
    assert (probability * values).sum() == pytest.approx(0)
    assert (probability * values**2).sum() == pytest.approx(1)
    # 3 of 20 in bin 1, 1 in bin 3, and so on: the edges belong to the bin above.
    at = got.at(torch.tensor([0.0, 0.149, 0.151, 0.19, 0.21, 0.69, 0.71, 0.79, 0.81, 0.999]))
    assert at.numpy() == pytest.approx(values[[1, 1, 3, 3, 4, 4, 5, 5, 8, 8]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_measured_noise_is_distributed_as_the_histogram(dtype):
    values, probability = by_hand(COUNTS)
    drawn = draw((500, 1001), COUNTS, dtype=dtype)
    rounded = torch.tensor(values).float().to(dtype)
    occupied = probability > 0
    frequency = np.array([(drawn == value).sum().item() for value in rounded[occupied]])
    assert frequency.sum() == drawn.numel()
    expected = probability[occupied] * drawn.numel()
    assert stats.chisquare(frequency, expected).pvalue > 1e-3
    assert stats.skew(drawn.double().flatten()) * stats.skew(np.repeat(range(9), COUNTS)) < 0


def test_measured_noise_is_independent():
    drawn = draw(400_000, COUNTS, seed=1).double().numpy()
    for lag in (1, 2, 3, 4, 8):
        assert abs(np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]) < 5 / math.sqrt(len(drawn))
    assert not torch.equal(draw(100, COUNTS, seed=2), draw(100, COUNTS, seed=3))
    assert torch.equal(draw(100, COUNTS, seed=2), draw(100, COUNTS, seed=2))


def test_errors_that_are_all_equal_give_no_noise():
    assert torch.equal(draw(10, [0, 7, 0]), torch.zeros(10))


def extended(**extensions):
    """An activation with σ = 0.3, and what the extensions keep."""
    layer = QuantisedReLU(ActivationConfig(threshold=2.0))
    extend_noise_(nn.Sequential(layer), Extensions(**extensions))
    layer.set_sigma_(0.3)
    return layer


@pytest.mark.parametrize("distribution", ["gaussian", "measured"])
@pytest.mark.parametrize("compensate", [False, True])
@pytest.mark.parametrize("ramp", [1.0, 0.25])
def test_the_activation_in_training(distribution, compensate, ramp):
    layer = extended(distribution=distribution, compensate=compensate)
    layer.ramp.fill_(ramp)
    mean, counts = 0.0, None
    if compensate:
        mean = 0.1
        layer.mean_error.fill_(mean)
    if distribution == "measured":
        counts = torch.arange(HISTOGRAM_BINS)
        layer.error_counts.copy_(counts)
    z = torch.linspace(-1, 3, 1001, requires_grad=True)
    layer.seed_noise_(torch.Generator().manual_seed(0))
    noise = noise_like(z, layer.noise_seed, counts)
    a = layer(z)
    q = quantise(z, layer.threshold, 4)
    assert torch.allclose(a, q + ramp * (0.3 * noise - mean), atol=1e-6)
    a.sum().backward()
    assert torch.equal(z.grad, ((z > 0) & (z < layer.threshold)).float())
    assert torch.equal(layer.eval()(z), q)


def test_a_mean_without_spread_is_compensated_too():
    layer = extended(compensate=True)
    layer.set_sigma_(0.0)
    layer.mean_error.fill_(0.25)
    z = torch.tensor([0.0, 2.0])
    assert torch.equal(layer(z), torch.tensor([-0.25, 1.75]))


def induction(sigma, mean=0.0, level_counts=((1,) * HISTOGRAM_BINS,)):
    return Induction((0.5,), {"0": LayerError(mean, sigma, sigma, 2.0, level_counts)})


def test_averaged_sigma():
    network = nn.Sequential(QuantisedReLU(ActivationConfig(threshold=2.0)))
    measured = [0.3, 0.1, 0.7, 0.2]
    variance = None
    for sigma in measured:
        set_noise_(network, induction(sigma), averaging=0.6)
        old = sigma**2 if variance is None else variance
        variance = 0.6 * old + 0.4 * sigma**2
        assert network[0].sigma.item() == pytest.approx(math.sqrt(variance))
    set_noise_(network, induction(0.123))
    assert network[0].sigma == torch.tensor(0.123)  # to the bit


def test_only_what_is_used_is_kept():
    plain = {"raw_threshold", "sigma"}
    assert set(extended().state_dict()) == plain
    assert set(extended(compensate=True).state_dict()) == plain | {"mean_error"}
    for distribution in ("measured", "conditional"):
        assert set(extended(distribution=distribution).state_dict()) == plain | {"error_counts"}
    job = tiny_job("qcfs", extensions=EVERYTHING)
    assert set(job.network().state_dict()) == set(tiny_job("qcfs").network().state_dict())


def test_measured_moments_and_histograms_are_kept():
    layer = extended(compensate=True, distribution="measured")
    by_level = tuple(tuple(range(k, k + HISTOGRAM_BINS)) for k in range(5))
    set_noise_(nn.Sequential(layer), induction(0.2, mean=-0.05, level_counts=by_level))
    assert layer.mean_error.item() == pytest.approx(-0.05)
    assert layer.error_counts.tolist() == [5 * b + 10 for b in range(HISTOGRAM_BINS)]
    layer = extended(distribution="conditional")
    set_noise_(nn.Sequential(layer), induction(0.2, level_counts=by_level))
    assert layer.error_counts.tolist() == [list(counts) for counts in by_level]


@pytest.mark.parametrize("decayed", [True, False])
def test_weight_decay_of_thresholds(decayed):
    job = tiny_job(weight_decay=0.1, extensions=Extensions(threshold_weight_decay=decayed))
    network = job.network()
    optimiser = torch.optim.SGD(parameter_groups(network, job.recipe), lr=0.5)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 0.01)
    optimiser.step()
    assert any(name.endswith("raw_threshold") for name in before)
    for name, parameter in network.named_parameters():
        decay = 0.1 if decayed or not name.endswith("raw_threshold") else 0.0
        expected = before[name] - 0.5 * (0.01 + decay * before[name])
        assert torch.allclose(parameter, expected), name


class Watched(METHODS["nq"]):
    """NQ that keeps what each step starts with."""

    def __init__(self):
        self.steps = []

    def loss(self, network, images, labels):
        ramps = {layer.ramp.item() for layer in activations(network).values()}
        self.steps.append(
            (ramps, {name: value.clone() for name, value in network.state_dict().items()})
        )
        return super().loss(network, images, labels)


def watched(**recipe):
    return dataclasses.replace(tiny_job(**recipe), method=Watched())


def test_the_ramp_in_training(tmp_path):
    job = watched(extensions=Extensions(ramp=0.625))
    train(job, tmp_path)
    ramps = [sorted(ramps) for ramps, _ in job.method.steps]
    assert [value for (value,) in ramps] == pytest.approx([0.4] * 3 + [0.8] * 3 + [1] * 6)


def test_a_training_starts_from_the_best_weights_of_another(tmp_path):
    job = watched(epochs=2, extensions=Extensions(start_from="qcfs"))
    best = train_in(tmp_path, job)
    before = run_directory(tmp_path, tiny_job("qcfs", epochs=2)) / "best.json"
    info, trained = checkpoint.read(before)
    assert info.method == "qcfs"
    assert info.start == ""
    assert checkpoint.read_info(best).start == info.sha256
    _, started = job.method.steps[0]
    assert set(started) == set(trained)
    for name, value in started.items():
        if name.endswith("sigma"):  # induced before the first epoch, to measure which is no step
            assert value.item() == pytest.approx(info.history[-1]["layers"][name[:-6]]["sigma"])
        else:
            assert torch.equal(value, trained[name]), name
    assert started["7.sigma"] > 0


def test_the_training_before_has_its_own_epochs_and_learning_rate():
    extensions = Extensions(start_from="qcfs", start_epochs=12, start_learning_rate=0.7)
    plain = tiny_job(epochs=2, batch_size=5).recipe
    recipe = dataclasses.replace(
        plain, learning_rate=0.3, induction=InductionConfig(timesteps=7), extensions=extensions
    )
    before = dataclasses.replace(tiny_job(), recipe=recipe).predecessor()
    assert before.recipe == dataclasses.replace(plain, epochs=12, learning_rate=0.7)
    assert before.predecessor() is None


def stop_after(steps):
    def progress(done, total, text):
        if done >= steps:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("extensions", [EVERYTHING, LEVELWISE])
def test_an_interrupted_training_with_switches_ends_like_one_that_was_not(tmp_path, extensions):
    job = tiny_job(extensions=extensions)
    expected_best = train_in(tmp_path / "whole", job)
    assert expected_best == run_directory(tmp_path / "whole", job) / "best.json"
    with pytest.raises(KeyboardInterrupt):
        train_in(tmp_path / "cut", job, progress=stop_after(8))  # in that it starts from
    for steps in (2, 8):  # before its first checkpoint, and after its second
        with pytest.raises(KeyboardInterrupt):
            train(
                job,
                run_directory(tmp_path / "cut", job),
                progress=stop_after(steps),
                start=train_in(tmp_path / "cut", job.predecessor()),
            )
    assert checkpoint.read_info(run_directory(tmp_path / "cut", job) / "last.json").epoch == 2
    best = train_in(tmp_path / "cut", job)
    for name in ("best.json", "last.json"):
        info, tensors = checkpoint.read(best.with_name(name))
        expected_info, expected = checkpoint.read(expected_best.with_name(name))
        assert info.start == expected_info.start != ""
        assert set(tensors) == set(expected)
        assert all(torch.equal(tensors[key], expected[key]) for key in tensors)
    assert tensors["7.error_counts"].count_nonzero() > 1
    if extensions.compensate:
        assert tensors["7.mean_error"] != 0


def test_a_finished_training_does_not_need_what_it_started_from(tmp_path):
    job = tiny_job(epochs=1, extensions=Extensions(start_from="qcfs"))
    best = train_in(tmp_path, job)
    before = run_directory(tmp_path, job.predecessor())
    shutil.rmtree(before)
    assert train_in(tmp_path, job) == best
    assert not before.exists()


def test_the_noise_of_a_training_ends_with_it(tmp_path):
    best = train_in(tmp_path, tiny_job("qcfs", epochs=1, extensions=Extensions(start_from="nq")))
    assert checkpoint.read(best)[1]["7.sigma"] == 0
    (before,) = tmp_path.glob("tiny/tiny/seed0/nq-*/best.json")
    assert checkpoint.read(before)[1]["7.sigma"] > 0


def test_what_others_share_is_started_from_once():
    srp, qcfs = (
        tiny_job(extensions=Extensions(start_from=name)).predecessor() for name in ("srp", "qcfs")
    )
    assert srp.training == qcfs.training == "qcfs"
    assert run_directory(Path("runs"), srp) == run_directory(Path("runs"), qcfs)


def test_what_cannot_be_started_from(tmp_path):
    job = tiny_job(epochs=1, extensions=Extensions(start_from="qcfs"))
    with pytest.raises(ConfigError, match="a training of qcfs, but got none"):
        train(job, tmp_path / "none")
    other = train(tiny_job("qcfs", epochs=1, seed=1), tmp_path / "other")
    with pytest.raises(CheckpointError, match="another training: expected seed 0, but got 1"):
        train(job, tmp_path / "of another", start=other)
    unknown = tiny_job(epochs=1, extensions=Extensions(start_from="qcsf"))
    with pytest.raises(ConfigError, match="unknown method 'qcsf'; known: "):
        train_in(tmp_path, unknown)
    chained = tiny_job(epochs=1, extensions=Extensions(start_from="qcfs-plus"))
    with pytest.raises(ConfigError, match="starts from scratch, but got qcfs-plus, which starts"):
        train_in(tmp_path, chained)
