"""The gate's exact part on trees with planted faults, and on one without."""

from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch
from faults import ROOT, plant

import resnoise as resnoise_package
from resnoise import Trainer
from resnoise.check import exact_training, gate, recorded, trees
from resnoise.check.rules import judge
from resnoise.check.trees import Side

# Each in a tree of its own, as they move the same figures.
APART = (
    "threshold 1 % too high",
    "reset to zero",
    "σ halved",
    "> instead of ≥",
    "surrogate gradient without its square",
    "SRP without its gate",
    "induction ignores the recipe's T",
)
# All in one tree, each with the figure that is to see it.
TOGETHER = {
    "noise of every epoch from one seed": "training, nq: digest of seeds of the noise",
    "cosine once an epoch": "training, nq: learning rates",
    "noise with the other sign": "noise: draw 0 over σ",
    "the last epoch is the best": "training, direct: best epoch",
    "other images validate": "splits, seed 3: digest of validation",
    "no order of the images drawn": "order of images: digest in training",
    "flips a quarter of the images": "augmentation: digest of flip",
    "cutout of half the side": "augmentation: digest of cutout",
    "accuracy over whole batches alone": "accuracy, T=4: test images right",
    "an accumulate at 0.1 pJ": "record, T=1: energy_nj",
    "exact interval for Wilson's": "intervals: low end of Wilson",
    "Bonferroni for Holm": "intervals: Holm's p of 0.012",
    "shared training images not corrected for": "intervals: low end of Student, corrected",
    "McNemar one-sided": "paired tests, images apart: p",
}


def against_reference(tree: Path):
    before = recorded.read(ROOT / gate.REFERENCE)
    exact = {name: f for name, f in before.by_name().items() if not name.startswith("trained")}
    now = trees.measure(Side(tree), ROOT / gate.WEIGHTS, ["exact"])
    assert not now.failed
    return judge(exact, now.by_name())


def test_an_unchanged_tree_passes_against_the_committed_reference(tree):
    verdicts = against_reference(tree)
    assert [v for v in verdicts if v.status.fails] == []


@pytest.mark.parametrize("fault", APART)
def test_a_planted_fault_is_caught(tree, fault):
    plant(tree, fault)
    assert any(verdict.status.fails for verdict in against_reference(tree))


def test_faults_of_training_data_and_evaluation_are_caught_each_by_its_figure(tree):
    for fault in TOGETHER:
        plant(tree, fault)
    failing = {verdict.name for verdict in against_reference(tree) if verdict.status.fails}
    assert set(TOGETHER.values()) <= failing


def test_trainings_of_a_dozen_steps_do_not_hang_on_the_order_of_rounding():
    job = exact_training.groups()["training, nq with measured noise"]
    before = {figure.name: figure for figure in job()}
    with perturbed_weights(1e-12):
        after = {figure.name: figure for figure in job()}
    verdicts = judge(before, after)
    assert [verdict for verdict in verdicts if verdict.status.fails] == []


@contextmanager
def perturbed_weights(size):
    """Trainers that start from weights that differ in the last digits."""
    generator = torch.Generator().manual_seed(0)

    class Perturbed(Trainer):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            for weight in self.network.parameters():
                noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
                weight.data.mul_(1 + size * noise)

    with mock.patch.object(resnoise_package, "Trainer", Perturbed):
        yield
