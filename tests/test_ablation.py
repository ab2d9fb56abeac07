"""An ablation: its rows, where its figures come from, and that it never reads a test image."""

import dataclasses

import pandas as pd
import pytest
from tiny_job import METHODS, tiny_data, tiny_job

from resnoise import methods
from resnoise.config.recipe import Extensions, Recipe
from resnoise.datasets import DataOptions
from resnoise.errors import ConfigError
from resnoise.studies import ablation
from resnoise.studies.ablation import Ablation, Variant, ablate, variants
from resnoise.training import checkpoint
from resnoise.training.run_folders import run_directory

BASE = Recipe(epochs=8)


def changed(name, base=BASE):
    rows = [row for row in variants({name: base}, "qcfs") if row.method == name]
    assert rows[0] == Variant(name, "", base)
    return {row.change: row.recipe for row in rows[1:]}


def test_one_thing_is_changed_at_a_time():
    found = changed("nq")
    assert list(found) == [
        "learning_rate = 0.1",
        "activation.threshold = 2.0",
        "activation.threshold = 8.0",
        "activation.levels = 1",
        "activation.levels = 2",
        "activation.levels = 8",
        "induction.timesteps = 1",
        "induction.timesteps = 2",
        "extensions.threshold_weight_decay = False",
        "extensions.start_from = qcfs",
        "extensions.ramp = 0.25",
        "extensions.residual = local",
        "extensions.distribution = measured",
        "extensions.distribution = conditional",
        "extensions.averaging = 0.75",
        "extensions.compensate = True",
    ]
    assert found["extensions.compensate = True"] == dataclasses.replace(
        BASE, extensions=Extensions(compensate=True)
    )
    assert len(set(found.values())) == len(found)


def test_what_is_on_is_switched_off_and_what_needs_noise_is_left_out_without():
    base = dataclasses.replace(BASE, extensions=Extensions(compensate=True, ramp=0.5))
    found = changed("nq", base)
    assert found["extensions.compensate = default"].extensions == Extensions(ramp=0.5)
    assert found["extensions.ramp = default"].extensions == Extensions(compensate=True)
    assert not any("conditional" in change for change in found)
    base = dataclasses.replace(BASE, extensions=Extensions(distribution="conditional"))
    found = changed("nq", base)
    assert found["extensions.distribution = default"].extensions == Extensions()
    assert not any("compensate" in change or "averaging" in change for change in found)
    assert not any("ramp" in change or "compensate" in change for change in changed("qcfs"))
    base = dataclasses.replace(BASE, extensions=Extensions(start_from="qcfs", start_epochs=60))
    assert not any("start" in change for change in changed("nq", base))


def test_only_some_things_are_changed():
    found = variants({"nq": BASE, "qcfs": BASE}, "qcfs", ["activation.levels", "extensions.ramp"])
    assert [(row.method, row.change) for row in found] == [
        ("nq", ""),
        ("nq", "activation.levels = 1"),
        ("nq", "activation.levels = 2"),
        ("nq", "activation.levels = 8"),
        ("nq", "extensions.ramp = 0.25"),
        ("qcfs", ""),
        ("qcfs", "activation.levels = 1"),
        ("qcfs", "activation.levels = 2"),
        ("qcfs", "activation.levels = 8"),
    ]
    found = variants({"nq": BASE, "qcfs": BASE}, "qcfs", ["nq:induction.timesteps"])
    assert [(row.method, row.change) for row in found] == [
        ("nq", ""),
        ("nq", "induction.timesteps = 1"),
        ("nq", "induction.timesteps = 2"),
        ("qcfs", ""),
    ]
    first_rows = variants({"nq": BASE, "qcfs": BASE}, "qcfs", ["nothing"])
    assert first_rows == [Variant("nq", "", BASE), Variant("qcfs", "", BASE)]
    with pytest.raises(ConfigError, match="unknown change 'levels'; known: nothing, activation"):
        variants({"nq": BASE}, "qcfs", ["levels"])
    with pytest.raises(ConfigError, match="unknown change 'qcfs:extensions"):
        variants({"nq": BASE, "qcfs": BASE}, "qcfs", ["qcfs:extensions.ramp"])


def test_methods_that_cannot_be_ablated():
    with pytest.raises(ConfigError, match="train a source network, but got 'direct'"):
        variants({"direct": BASE}, "qcfs")
    with pytest.raises(ConfigError, match="unknown method"):
        variants({"nqq": BASE}, "qcfs")


@pytest.mark.parametrize(
    ("setting", "value"), [("timesteps", ()), ("timesteps", (0,)), ("seeds", ()), ("seeds", (1, 1))]
)
def test_bad_settings(setting, value):
    with pytest.raises(ConfigError, match=f"expected .*`{setting}`"):
        Ablation(DataOptions("digits"), "digits-cnn", (), **{setting: value})


@pytest.mark.parametrize(
    ("start", "message"),
    [("qcsf", "unknown method 'qcsf'"), ("nq-plus", "starts from scratch, but got nq-plus")],
)
def test_a_start_that_cannot_be_is_told_before_the_first_training(start, message):
    rows = variants({"nq": BASE}, start)
    with pytest.raises(ConfigError, match=message):
        Ablation(DataOptions("digits"), "digits-cnn", rows)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two rows on tiny images whose test split forbids to be read."""
    monkeypatch.setattr(ablation, "load", lambda *_, **options: tiny_data())
    monkeypatch.setattr(
        ablation, "Job", lambda *of: dataclasses.replace(tiny_job(), **job_fields(*of))
    )
    recipe = tiny_job(epochs=2).recipe
    rows = variants(dict.fromkeys(METHODS, recipe), "qcfs")
    chosen = [row for row in rows if not row.change or "start_from" in row.change]
    assert len(chosen) == 4
    return Ablation(DataOptions("tiny"), "tiny", chosen, (1, 4), (0, 1), runs=tmp_path / "runs")


def job_fields(method, training, architecture, data, recipe, seed):
    return {"method": method, "training": training, "recipe": recipe, "seed": seed}


def test_the_table_is_of_the_best_checkpoints_on_validation_images(small, tmp_path):
    announced = []
    announce = lambda name: announced.append(name) or (lambda *step: None)  # noqa: E731
    page, table = ablate(small, tmp_path / "out", announce)
    frame = pd.read_csv(table, keep_default_na=False)
    assert len(frame) == 4 * 2 * 2
    assert "train nq extensions.start_from = qcfs, tiny, seed 1" in announced
    at_four = frame[frame.timesteps == 4]
    for row in at_four.itertuples():
        (recipe,) = (v.recipe for v in small.variants if v[:2] == (row.method, row.change))
        job = dataclasses.replace(
            tiny_job(row.method), recipe=recipe, seed=row.seed, method=methods.get(row.method)
        )
        info = checkpoint.read_info(run_directory(small.runs, job) / "best.json")
        assert info.sha256 == row.checkpoint_sha256
        assert info.validation_accuracy == pytest.approx(row.validation_accuracy)
        assert bool(row.start_sha256) == ("start_from" in row.change)
        assert row.validation_images == 22
    assert "nq as it is: epochs = 2, batch\\_size = " in page.read_text()
    for line in page.read_text().splitlines():
        if line.startswith("| nq | as it is |"):
            of_row = at_four[(at_four.method == "nq") & (at_four.change == "")]
            mean, spread = of_row.validation_accuracy.mean(), of_row.validation_accuracy.std()
            assert line.split(" | ")[3] == f"{100 * mean:.1f} ±{100 * spread:.1f}"
            break
    else:
        pytest.fail("no row of NQ")


def test_a_second_time_nothing_is_trained(small, tmp_path):
    ablate(small, tmp_path / "out", lambda name: lambda *step: None)
    first = (tmp_path / "out" / "ablation.csv").read_bytes()
    steps = []
    ablate(small, tmp_path / "again", lambda name: lambda *step: steps.append(step))
    assert not steps
    assert (tmp_path / "again" / "ablation.csv").read_bytes() == first
