"""Where accuracy goes: networks of T levels against neurons that get the same current each step."""

import numpy as np
import pandas as pd
import pytest
import torch

from resnoise.conversion.activation import activations
from resnoise.datasets import DataOptions
from resnoise.errors import CheckpointError, ConfigError
from resnoise.evaluation.evaluator import evaluate, training_of
from resnoise.studies.decomposition import compare_losses, decompose, set_levels_
from resnoise.training.loading import job_of
from tests.command_line import run
from tests.networks import images, plain, source

DIGITS = DataOptions("digits")
STEPS = (1, 2, 4, 8)


def ignore(*progress):
    pass


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains with the options it is given, and tells where the checkpoint is."""

    def trained(*options):
        runs = tmp_path_factory.mktemp("runs")
        run("train", "--epochs", 2, "--runs", runs, *options)
        (best,) = runs.glob("**/best.json")
        return best

    return trained


@pytest.fixture(scope="module")
def qcfs(train):
    return train("--method", "qcfs", "--levels", 2)


def rate_by_hand(current, threshold, timesteps):
    """What an integrate-and-fire neuron sends, averaged over steps of the same current."""
    v, spikes = np.full_like(current, threshold / 2), np.zeros_like(current)
    for _ in range(timesteps):
        fires = v + current >= threshold
        v = v + current - threshold * fires
        spikes += fires
    return threshold * spikes / timesteps


@pytest.mark.parametrize("timesteps", [1, 2, 3, 8])
def test_t_levels_are_what_neurons_do_with_the_same_current_at_every_step(timesteps):
    network, batch = source(plain()).double(), images(16, 2, 4, 4).double()
    by_hand = source(plain()).double()

    def spike(layer, inputs, output):
        return torch.from_numpy(rate_by_hand(inputs[0].numpy(), layer.threshold.item(), timesteps))

    for layer in activations(by_hand).values():
        layer.register_forward_hook(spike)
    set_levels_(network, timesteps)
    with torch.no_grad():
        expected = by_hand(batch)
        torch.testing.assert_close(network(batch), expected, rtol=0, atol=1e-12)
    assert expected.std() > 0.1


def test_levels_below_one():
    with pytest.raises(ConfigError, match="levels"):
        set_levels_(source(plain()), 0)


def test_the_figures_are_those_of_an_evaluation(qcfs):
    rows = decompose(qcfs, DIGITS, STEPS, ignore)
    job = job_of(qcfs, DIGITS)
    records = evaluate(job, qcfs, "reference", training_of(job, "reference", STEPS))
    assert rows.spiking_accuracy.tolist() == [record.accuracy for record in records]
    assert set(rows.source_accuracy) == {records[0].ann_accuracy}
    assert set(rows.checkpoint_sha256) == {records[0].checkpoint_sha256}


def test_one_step_has_no_order_and_l_steps_have_all_levels(qcfs):
    rows = decompose(qcfs, DIGITS, STEPS, ignore).set_index("timesteps")
    # One image may be rounded otherwise: BatchNorm is folded only in the spiking network.
    image = 1 / rows.test_images[1]
    assert rows.even_accuracy[1] == pytest.approx(rows.spiking_accuracy[1], abs=1.01 * image)
    assert rows.even_accuracy[2] == rows.source_accuracy[2]
    assert rows.even_accuracy[1] != rows.source_accuracy[1]


def test_the_command_writes_both_tables(qcfs, train, tmp_path):
    nq = train("--method", "nq", "--seed", 1)
    run("decompose", qcfs, nq, "--out", tmp_path, "--timesteps", "1,2")
    page = (tmp_path / "decomposition.md").read_text()
    assert page.startswith("# Where accuracy goes, digits, digits-cnn: test accuracy (%)\n")
    frame = pd.read_csv(tmp_path / "decomposition.csv")
    assert frame.method.tolist() == ["qcfs", "qcfs", "nq", "nq"]
    first = frame.iloc[0]
    lost = 100 * (first.even_accuracy - first.source_accuracy)
    assert f"| qcfs | 2 | 1 | {100 * first.source_accuracy:.2f} |" in page
    assert f"| {lost:+.2f} |".replace("-", "−") in page


def test_seeds_of_a_method_are_one_row(train, qcfs, tmp_path):
    other = train("--method", "qcfs", "--levels", 2, "--seed", 1)
    compare_losses([qcfs, other], DIGITS, (2,), tmp_path, lambda name: ignore)
    (row,) = [
        line
        for line in (tmp_path / "decomposition.md").read_text().splitlines()
        if line.startswith("| qcfs ")
    ]
    frame = pd.read_csv(tmp_path / "decomposition.csv")
    lost = 100 * (frame.spiking_accuracy - frame.even_accuracy)
    spread = f"{lost.mean():+.2f} ±{np.std(lost, ddof=1):.2f} | 2 |".replace("-", "−")
    assert row.endswith(spread)


def test_the_same_row_twice(qcfs, tmp_path):
    with pytest.raises(CheckpointError, match="got 2 of method qcfs, L = 2 and seed 0"):
        compare_losses([qcfs, qcfs], DIGITS, (1,), tmp_path, lambda name: ignore)


def test_checkpoints_of_several_architectures(qcfs, train, tmp_path):
    other = train("--method", "qcfs", "--architecture", "resnet20", "--epochs", 1)
    with pytest.raises(CheckpointError, match="one data set and architecture"):
        compare_losses([qcfs, other], DIGITS, (1,), tmp_path, lambda name: ignore)


def test_a_network_that_only_spikes(train):
    direct = train("--method", "direct", "--timesteps", 2)
    with pytest.raises(CheckpointError, match="direct, which trains no network without spikes"):
        decompose(direct, DIGITS, (1,), ignore)
