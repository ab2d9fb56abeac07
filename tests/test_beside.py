"""Methods beside the rows of a finished comparison: the same recipe, and nothing trained again."""

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from resnoise.analysis.significance import Reference
from resnoise.compare import beside, runner, trainings
from resnoise.compare.beside import Example, example_of, set_beside
from resnoise.compare.plan import RunOptions
from resnoise.config.recipe import Extensions
from resnoise.datasets import DataOptions
from resnoise.errors import BackendError, ConfigError, RecordError
from resnoise.records.store import RecordStore
from resnoise.report.comparisons import comparison_of, comparisons_in
from resnoise.training.checkpoint import read_info
from resnoise.training.defaults import recipe_for
from resnoise.training.run_folders import run_directory
from resnoise.training.trainer import train
from tests.command_line import resnoise
from tests.comparisons import record, store

ROOT = Path(__file__).parent.parent
TABLES = comparisons_in(ROOT / "results" / "tables")
PAGE = (ROOT / "docs" / "new-baseline.md").read_text()


@pytest.mark.parametrize("comparison", TABLES, ids=lambda one: one.name)
def test_every_committed_row_would_have_been_given_its_recipe(comparison):
    """All rows with the L of the reference; direct training has recipes by T."""
    example = example_of(comparison)
    levels = example.records[0].levels
    for one in comparison.store.load():
        if one.levels == levels and levels is not None:
            assert example.recipe(one.method).to_json() == one.recipe, one.method


def test_the_plan_is_that_of_the_reference():
    (plus,) = (one for one in TABLES if one.name == "cifar10-plus")
    data = DataOptions("", Path("data"), False)
    plan = example_of(plus).plan(["cos-plus"], data, {"learning_rate": "0.5"})
    assert (plan.data.dataset, plan.data.root) == ("cifar10", Path("data"))
    assert plan.architectures == ("resnet20",)
    assert plan.timesteps == (1, 2, 4, 8, 16, 32)
    assert plan.seeds == (0, 1, 2)
    assert set(plan.backends) <= {"norse", "snntorch"}
    recipe = plan.recipes["cos-plus"]
    assert (recipe.activation.levels, recipe.epochs, recipe.learning_rate) == (2, 10, 0.5)
    of_four = example_of(plus, Reference("srp-plus", 4)).plan(["cos-plus"], data, {})
    assert (of_four.seeds, of_four.recipes["cos-plus"].activation.levels) == ((0,), 4)


def test_what_was_switched_off_stays_off():
    off = {"ramp": 0.0, "residual": "end-to-end", "distribution": "gaussian",
           "start_learning_rate": 0.0}  # fmt: skip
    own = recipe_for("nq-plus", "digits", ["digits-cnn"])
    recipe = replace(own, extensions=replace(own.extensions, **off))
    made = record("nq-plus", 9, architecture="digits-cnn", recipe=recipe.to_json())
    example = Example(Reference("nq-plus"), (made,))
    assert example.recipe("srp-nq-plus") == recipe
    assert example.recipe("nq").extensions == Extensions()
    scratch = replace(own, extensions=replace(own.extensions, start_from="", start_epochs=0,
                                              start_learning_rate=0.0))  # fmt: skip
    made = record("nq-plus", 9, architecture="digits-cnn", recipe=scratch.to_json())
    assert Example(Reference("nq-plus"), (made,)).recipe("cos-plus").extensions.start_from == "qcfs"


def test_comparisons_without_a_recipe_to_follow_are_refused(tmp_path):
    (plus,) = (one for one in TABLES if one.name == "cifar10-plus")
    with pytest.raises(ConfigError, match="to be of one L, but got 2, 4; name one of its rows"):
        example_of(plus, Reference("nq-plus"))
    with pytest.raises(RecordError, match="expected a reference that there are records of"):
        example_of(plus, Reference("direct"))
    changes = [{"architecture": "one"}, {"architecture": "two", "recipe": {"epochs": 9}}]
    two = store(tmp_path / "two", [record("nq", 9, **one) for one in changes])
    with pytest.raises(ConfigError, match="of one recipe, but got epochs of 30 and of 9; name"):
        example_of(comparison_of(two))
    made_up = store(tmp_path / "one", [record("nq", 9, backend="other")])
    example = example_of(comparison_of(made_up))
    with pytest.raises(BackendError, match="to be installed: other"):
        example.plan(["qcfs"], DataOptions("digits"), {})
    with pytest.raises(ConfigError, match="another folder than"):
        set_beside(comparison_of(made_up), made_up)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A comparison of QCFS alone on digits, and its checkpoint, as they are committed."""
    folder = tmp_path_factory.mktemp("finished")
    resnoise("compare", "--methods", "qcfs", "--reference", "qcfs", "--seeds", "0", "--epochs", "1",
             "--set", "learning_rate=0.07", "--timesteps", "1,2", "--backends", "reference",
             "--out", "tables/mine", cwd=folder)  # fmt: skip
    for best in (folder / "runs").rglob("best*"):
        place = folder / "checkpoints" / "digits" / "qcfs"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(best, place)
    return folder


def test_what_trains_nothing_is_evaluated_on_the_committed_network(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(trainings, "train_in", None)  # nothing is to be trained
    arguments = ("beside", finished / "tables" / "mine", "--methods", "srp", "--out", "out")
    said = resnoise(*arguments, cwd=tmp_path).stdout
    before = RecordStore(finished / "tables" / "mine").load()
    now = RecordStore(tmp_path / "out").load()
    assert now[: len(before)] == before
    added = now[len(before) :]
    assert [(one.method, one.timesteps) for one in added] == [("srp", 1), ("srp", 2)]
    assert {one.checkpoint_sha256 for one in added} == {before[0].checkpoint_sha256}
    assert {one.recipe["learning_rate"] for one in added} == {0.07}
    assert "srp" in said
    assert "Trained" not in said
    courses = [p.name for p in (tmp_path / "out" / "trainings").iterdir()]
    assert courses == [p.name for p in (finished / "tables" / "mine" / "trainings").iterdir()]
    table = pd.read_csv(tmp_path / "out" / "comparison.csv").set_index("method")
    assert table.loc["srp", "p_holm_equal_timesteps"].notna().all()
    assert len(RecordStore(tmp_path / "out").load()) == len(now)
    resnoise(*arguments, cwd=tmp_path)  # a second call has nothing to do
    assert RecordStore(tmp_path / "out").load() == now


def test_a_method_of_its_own_is_trained_by_the_recipe(finished, tmp_path):
    resnoise("beside", finished / "tables" / "mine", "--methods", "nq", "--out", "out",
             "--timesteps", "2", "--set", "batch_size=128", cwd=tmp_path)  # fmt: skip
    (added,) = (one for one in RecordStore(tmp_path / "out").load() if one.method == "nq")
    assert (added.timesteps, added.epochs, added.backend) == (2, 1, "reference")
    assert (added.recipe["learning_rate"], added.recipe["batch_size"]) == (0.07, 128)


def test_a_network_of_another_recipe_is_not_taken(finished, tmp_path):
    comparison = comparison_of(finished / "tables" / "mine")
    set_beside(comparison, tmp_path / "out")
    options = RunOptions(tmp_path / "out", tmp_path / "runs", checkpoints=finished / "checkpoints")
    plan = example_of(comparison).plan(["srp"], DataOptions("digits"), {})
    cells = list(plan.cells())
    assert beside.place_networks(plan, options, cells) == set(cells)
    other = example_of(comparison).plan(["srp"], DataOptions("digits"), {"learning_rate": 0.1})
    assert beside.place_networks(other, options, cells) == set()
    without = replace(options, checkpoints=tmp_path / "nowhere")
    assert beside.place_networks(plan, without, cells) == set()
    assert beside.place_networks(plan, replace(options, checkpoints=None), cells) == set()


def test_a_training_that_was_interrupted_is_not_taken_for_the_finished_one(finished, tmp_path):
    comparison = comparison_of(finished / "tables" / "mine")
    set_beside(comparison, tmp_path / "out")
    options = RunOptions(tmp_path / "out", tmp_path / "runs", checkpoints=finished / "checkpoints")
    plan = example_of(comparison).plan(["srp"], DataOptions("digits"), {})
    cells = list(plan.cells())
    (cell,) = set(cells)
    job = plan.job(cell, plan.load(cell))
    folder = run_directory(options.runs, job)
    shorter = replace(job, recipe=replace(job.recipe, learning_rate=1e-9))
    train(shorter, folder)
    before = read_info(folder / "best.json")
    assert beside.place_networks(plan, options, cells) == set()
    assert read_info(folder / "best.json") == before
    shutil.rmtree(folder)
    for _ in range(2):  # there the second time, and the same
        assert beside.place_networks(plan, options, cells) == {cell}


def test_the_command_of_the_page_plans_what_it_says(monkeypatch, tmp_path):
    planned = []

    def plan(plan, options, **_):
        planned.append((plan, options))
        raise ConfigError("planned")

    monkeypatch.setattr(runner, "compare", plan)
    (command,) = re.findall(r"resnoise (beside .*)", PAGE)
    words = shlex.split(command.replace("toy,empty", "nq,cos").replace("runs/", f"{tmp_path}/"))
    resnoise(*words, cwd=ROOT, status=1)
    (made, options), *_ = planned
    assert made.methods == ("nq", "cos")
    assert made.data.dataset == "cifar10"
    assert options.checkpoints == ROOT / "results" / "checkpoints"
    assert RecordStore(options.out).load() == RecordStore(ROOT / "results/tables/cifar10").load()
