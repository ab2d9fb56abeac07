"""What choosing by test accuracy would report: which epochs the rules choose, and their figures."""

import shutil

import pandas as pd
import pytest

from resnoise.datasets import DataOptions
from resnoise.errors import CheckpointError
from resnoise.evaluation.evaluator import evaluate, training_of
from resnoise.studies.selection import choices, compare_choices, examine
from resnoise.training import checkpoint
from resnoise.training.loading import job_of
from tests.command_line import run

DIGITS = DataOptions("digits")


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Directory of a training that kept its epochs."""
    runs = tmp_path_factory.mktemp("runs")
    run("train", "--method", "nq", "--epochs", 3, "--keep-epochs", 1, "--runs", runs)
    (best,) = runs.glob("**/best.json")
    return best.parent


def test_every_rule_chooses_by_its_own_column():
    epochs = pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4],
            "validation_accuracy": [0.5, 0.8, 0.8, 0.7],
            "source_accuracy": [0.9, 0.7, 0.6, 0.8],
            "T=1": [0.2, 0.3, 0.4, 0.5],
            "T=2": [0.3, 0.9, 0.5, 0.6],
        }
    )
    chosen = choices(epochs)
    assert dict(zip(chosen.chosen_by, chosen.epoch, strict=True)) == {
        "validation accuracy": 3,  # the later of equal ones, as in training
        "test accuracy without spikes": 1,
        "test accuracy at T=1": 4,
        "test accuracy at T=2": 2,
    }
    assert chosen["T=2"].tolist() == [0.5, 0.3, 0.6, 0.9]


def test_the_figures_of_an_epoch_are_those_of_its_evaluation(training):
    epochs = examine(training, DIGITS, (1, 2), lambda *progress: None)
    assert epochs.epoch.tolist() == [1, 2, 3]
    for row in epochs.to_dict("records"):
        path = training / f"epoch-{row['epoch']:04}.json"
        job = job_of(path, DIGITS)
        records = evaluate(job, path, "reference", training_of(job, "reference", (1, 2)))
        assert [row["T=1"], row["T=2"]] == [record.accuracy for record in records]
        assert row["source_accuracy"] == records[0].ann_accuracy
        assert row["validation_accuracy"] == records[0].validation_accuracy


def test_the_epoch_that_validation_chooses_is_the_one_that_training_keeps(training):
    best = job_of(training / "best.json", DIGITS)
    records = evaluate(
        best, training / "best.json", "reference", training_of(best, "reference", (1,))
    )
    chosen = choices(examine(training, DIGITS, (1,), lambda *progress: None)).iloc[0]
    assert chosen.epoch == records[0].best_epoch
    assert chosen["T=1"] == records[0].accuracy


def test_the_command_writes_both_tables(training, tmp_path):
    run("selection", training, "--out", tmp_path, "--timesteps", "1,2")
    page = (tmp_path / "selection.md").read_text()
    assert page.count("| nq | 0 | validation accuracy |") == 1
    assert "digits, digits-cnn" in page
    assert "among epochs 1 to 3." in page
    assert len(pd.read_csv(tmp_path / "selection.csv")) == 3


def test_a_training_that_did_not_keep_its_best_epoch(training, tmp_path):
    best = checkpoint.read_info(training / "best.json").epoch
    for missing in {best, 3}:
        part = shutil.copytree(training, tmp_path / str(missing))
        (part / f"epoch-{missing:04}.json").unlink()
        with pytest.raises(CheckpointError, match="`keep_epochs=1` from the start"):
            examine(part, DIGITS, (1,), print)


def test_trainings_of_several_architectures(training, tmp_path):
    one = ("--epochs", 1, "--keep-epochs", 1)
    run("train", *one, "--runs", tmp_path, "--architecture", "resnet20")
    (other,) = tmp_path.glob("**/best.json")
    with pytest.raises(CheckpointError, match="one data set and architecture"):
        compare_choices([training, other.parent], DIGITS, (1,), tmp_path, lambda name: print)


def not_yet(name):
    raise AssertionError(f"{name} is examined before all are checked")


def test_trainings_that_a_table_could_not_tell_apart(training, tmp_path):
    twice = [training, shutil.copytree(training, tmp_path / "other")]
    with pytest.raises(CheckpointError, match="got 2 of method nq and seed 0"):
        compare_choices(twice, DIGITS, (1,), tmp_path, not_yet)


def test_every_training_is_checked_before_the_first_is_simulated(training, tmp_path):
    part = shutil.copytree(training, tmp_path / "unfinished")
    (part / "epoch-0003.json").unlink()
    with pytest.raises(CheckpointError, match="unfinished to hold epochs 1 to 3"):
        compare_choices([training, part], DIGITS, (1,), tmp_path, not_yet)


def test_a_training_that_kept_no_epochs(tmp_path):
    with pytest.raises(CheckpointError, match="`keep_epochs=1`"):
        examine(tmp_path, DIGITS, (1,), print)
