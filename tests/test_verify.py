"""`resnoise verify` on made-up and on committed comparisons, whole and tampered with."""

import shutil
from pathlib import Path

import pytest

from resnoise.analysis.significance import Reference
from resnoise.datasets import DataOptions
from resnoise.index.verification import RowChoice, verify_all
from resnoise.records.packing import pack_correct
from resnoise.records.store import RecordStore
from resnoise.report import sections
from resnoise.report.writer import write_report
from resnoise.training.loading import job_of
from tests.command_line import resnoise
from tests.comparisons import record, store
from tests.made_up import make_training

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "results" / "check"
DIGITS = DataOptions("digits")


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    monkeypatch.setattr(sections, "section_figures", lambda *_: [])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The committed network of digits as NQ, evaluated by the suite."""
    folder = tmp_path_factory.mktemp("evaluated")
    resnoise("evaluate", WEIGHTS / "digits" / "best.json", "--timesteps", "1,2",
             "--backend", "reference", "--out", folder, cwd=ROOT)  # fmt: skip
    return folder


@pytest.fixture
def comparison(evaluated, tmp_path):
    folder = shutil.copytree(evaluated, tmp_path / "tables" / "mine")
    write_report(folder, reference=Reference("nq"))
    return folder


def changed(folder, **fields):
    """The records of a folder with some fields changed, sealed as the suite seals them."""
    records = [
        one.model_validate(one.model_dump() | fields) for one in RecordStore(folder).require()
    ]
    (folder / "records.json").unlink()
    RecordStore(folder).add(records)
    write_report(folder, reference=Reference("nq"))


def problems(folder, choice=None):
    return verify_all(folder, WEIGHTS, DIGITS, choice).problems


def verified(folder):
    """Committed code is what an evaluation is expected to run on; a working tree need not be."""
    return [line for line in problems(folder, RowChoice()) if "in no commit" not in line]


def test_what_the_suite_made_is_evaluated_again_image_by_image(comparison):
    assert verified(comparison) == []
    found = verify_all(comparison, WEIGHTS, DIGITS, RowChoice(timesteps=2))
    images = len(job_of(WEIGHTS / "digits" / "best.json", DIGITS).data.test)
    assert found.done == [
        "mine: 2 records of 1 networks, weights of 1 at hand",
        f"mine: nq with L = 4 on reference, T = 2, seed 0: all {images} images as recorded",
    ]


def test_outcomes_that_the_weights_do_not_give_are_found(comparison):
    outcome = RecordStore(comparison).require()[0].correct_array()
    outcome[:5] = ~outcome[:5]
    changed(comparison, correct=pack_correct(outcome), accuracy=float(outcome.mean()))
    (problem,) = verified(comparison)
    assert "5 of 360 images are not as recorded, accuracy" in problem


def test_a_comparison_of_other_images_is_not_evaluated(comparison):
    changed(comparison, data_sha256="e" * 64)
    assert any("the images of digits here are not those" in line for line in verified(comparison))


def test_records_that_do_not_fit_their_checkpoint_are_found(comparison):
    recipe = RecordStore(comparison).require()[0].recipe
    changed(comparison, recipe=recipe | {"learning_rate": 0.7})
    assert any("learning_rate is 0.05, but 0.7 in its records" in p for p in problems(comparison))
    changed(comparison, recipe=recipe, best_epoch=1)
    assert any("best epoch is" in line for line in problems(comparison))


def test_a_declared_division_that_the_method_does_not_have_is_found(comparison):
    changed(comparison, neuron="gated integrate-and-fire")
    (problem,) = (line for line in problems(comparison) if "installed method" in line)
    assert "records of nq are open" in problem
    assert "is plain" in problem


def test_an_edited_table_is_found_with_its_row_and_column(comparison):
    table = comparison / "comparison.csv"
    lines = table.read_text().splitlines()
    name, accuracy = lines[0].split(","), lines[2].split(",")
    accuracy[name.index("accuracy")] = "0.99"
    table.write_text("\n".join([*lines[:2], ",".join(accuracy)]))
    (problem,) = (line for line in problems(comparison) if "comparison.csv" in line)
    assert "accuracy of digits, digits-cnn, plain, nq, 4, 0, reference, 2 is 0.99, but" in problem
    table.write_text(lines[0] + "\n" + lines[1])
    assert any("reference, 2 is not in it, but in the records" in p for p in problems(comparison))
    table.write_text(lines[0].replace(",accuracy,", ",other,") + "\n")
    assert any("has no column accuracy" in line for line in problems(comparison))
    table.unlink()
    assert any("cannot read" in line for line in problems(comparison))


def test_damaged_files_are_one_line_each(comparison, tmp_path):
    weights = shutil.copytree(WEIGHTS / "digits", tmp_path / "checkpoints" / "digits")
    (tensors,) = weights.glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    trainings = comparison / "trainings"
    trainings.mkdir(exist_ok=True)
    (trainings / "cut.json").write_text(make_training("nq").model_dump_json()[:50])
    (trainings / "other.json").write_text(make_training("nq").model_dump_json())
    (comparison.parent / "edited").mkdir()
    text = (comparison / "records.json").read_text()
    (comparison.parent / "edited" / "records.json").write_text(
        text.replace('"seed": 0', '"seed": 1')
    )
    found = verify_all(comparison.parent, None, DIGITS).problems
    for said in (
        "is truncated or edited: its SHA-256",
        "cut.json is not a valid training record",
        "other.json is of nq, digits, smallnet, 0, which no record is of",
        "was edited by hand",
        "no row was evaluated anew",
    ):
        assert len([line for line in found if said in line]) == 1, said
    assert all("\n" not in line for line in found)


def test_code_that_nobody_can_get_and_methods_that_nobody_has_are_problems(tmp_path):
    mine = record("mine", 9, git_commit="")
    folder = store(tmp_path / "one", [mine, record("nq", 9, git_dirty=True)])
    write_report(folder, reference=Reference("nq"))
    found = "\n".join(problems(folder))
    assert "1 records do not name the commit that made them" in found
    assert "1 records were made with changes that are in no commit" in found
    assert "method mine is not installed" in found


def test_the_row_can_be_chosen():
    choice = RowChoice(method="nq", timesteps=2)
    assert choice.fits(record("nq", 9, timesteps=2))
    assert not choice.fits(record("nq", 9, timesteps=1))
    assert not choice.fits(record("qcfs", 9, timesteps=2))
    assert str(choice) == "method nq, timesteps 2"


def test_the_command_says_what_it_did_and_ends_with_1_if_anything_is_wrong(comparison):
    options = ("--checkpoints", WEIGHTS, "--no-evaluate")
    (comparison / "comparison.csv").unlink()
    done = resnoise("verify", comparison, *options, cwd=ROOT, status=1)
    assert "mine: 2 records of 1 networks, weights of 1 at hand" in done.stdout
    assert "problem: mine: cannot read" in done.stdout
    nowhere = resnoise("verify", comparison / "nowhere", *options, cwd=ROOT, status=1)
    assert nowhere.stderr.startswith("error: expected a folder with records.json")


def test_what_is_committed_holds():
    done = resnoise("verify", "results/tables/cifar10", "--no-evaluate", cwd=ROOT)
    assert done.stdout == "cifar10: 40 records of 6 networks, weights of 6 at hand\n"
