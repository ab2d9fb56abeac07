"""The suites: what they skip, what they agree on, and the functions that were made for them."""

import ast
import functools
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from asv_runner.benchmarks.mark import SkipNotImplemented

import resnoise
from benchmarks import (
    accuracy,
    cifar,
    common,
    direct,
    energy,
    imports,
    latency,
    memory,
    neurons,
    training,
)
from resnoise import backends
from resnoise.errors import CheckpointError
from resnoise.metrics import ActivityMeter, conversion_gap, timesteps_to_reach
from tests.made_up import make_record

SUITES = (accuracy, cifar, direct, energy, imports, latency, memory, neurons, training)
CLASSES = [
    value
    for module in SUITES
    for name, value in vars(module).items()
    if hasattr(value, "params") and value.__module__ == module.__name__ and not name.startswith("_")
]
# What a type may be imported from, which happens only for type checkers.
OUTSIDE = ("resnoise", "resnoise.datasets")
PUBLIC = sorted(
    {
        node.args[0].value
        for path in Path(common.ROOT, "benchmarks").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "public"
        if isinstance(node.args[0], ast.Constant)
    }
    - set(common.OLD_HOMES)
)


@pytest.mark.parametrize("suite", CLASSES, ids=lambda suite: suite.__qualname__)
def test_every_suite_says_what_asv_would_guess(suite):
    assert suite.version
    assert suite.timeout
    assert len(suite.params) == len(suite.param_names)
    for name in vars(suite):
        if name.startswith("track_"):
            assert getattr(suite, "unit", None) or vars(suite)[name].unit


def test_parameters_are_all_known_to_the_package():
    from resnoise import methods, models

    assert set(common.METHODS) <= set(methods.names())
    assert backends.names() == common.BACKENDS
    assert set(common.ARCHITECTURES) <= set(models.names())


def test_a_library_that_is_missing_is_skipped_and_not_failed(monkeypatch):
    monkeypatch.setattr(backends, "available", lambda: ["reference"])
    common.require_backend("reference")
    with pytest.raises(SkipNotImplemented, match="norse is not installed"):
        common.require_backend("norse")


@pytest.mark.parametrize("name", [*common.OLD_HOMES, *PUBLIC])
def test_the_suite_asks_for_names_that_are_public(monkeypatch, name):
    monkeypatch.setattr(common, "OLD_HOMES", {})
    assert common.public(name) is not None


def test_an_older_commit_has_a_public_name_at_its_old_home(monkeypatch):
    old = types.ModuleType("resnoise.grid")
    old.Grid = object()
    monkeypatch.setitem(sys.modules, "resnoise.grid", old)
    monkeypatch.delitem(resnoise._HOMES, "Plan")
    monkeypatch.delitem(vars(resnoise), "Plan", raising=False)
    assert common.public("Plan") is old.Grid


@pytest.mark.parametrize("name", ["future", "Future", "metrics.future", "future.Future"])
def test_a_name_that_a_commit_lacks_is_skipped_and_not_failed(name):
    with pytest.raises(SkipNotImplemented, match=f"no resnoise.{name}"):
        common.public(name)


def test_the_suite_imports_nothing_from_inside_the_package():
    """Else a module that moves ends the curves."""
    for path in Path(common.ROOT, "benchmarks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module in OUTSIDE or not node.module.startswith("resnoise"), path
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("resnoise") for name in node.names), path


def test_energy_is_that_of_a_commit_whose_meter_was_of_batches(monkeypatch):
    suite = energy.Energy()
    expected = suite.setup_cache()
    monkeypatch.setattr(ActivityMeter, "batch", ActivityMeter.counting, raising=False)
    monkeypatch.delattr(ActivityMeter, "counting")
    assert suite.setup_cache() == expected
    assert ("norse", 2) in expected.cells


def test_energy_is_that_of_a_commit_from_before_checkpoints_were_sealed(monkeypatch):
    def job_of(path, data):
        if "digest" in json.loads(path.read_text()):
            raise CheckpointError("Extra inputs are not permitted")
        job = todays(common.FIXED_WEIGHTS, data)
        load = functools.partial(job.load, common.FIXED_WEIGHTS)
        return types.SimpleNamespace(method=job.method, data=job.data, load=lambda path: load())

    suite, todays = energy.Energy(), common.public("job_of")
    expected = suite.setup_cache()
    monkeypatch.setattr(resnoise, "job_of", job_of)
    assert suite.setup_cache() == expected


def test_energy_is_skipped_on_a_commit_whose_meter_has_another_interface(monkeypatch):
    monkeypatch.delattr(ActivityMeter, "counting")
    suite = energy.Energy()
    with pytest.raises(SkipNotImplemented, match="no attribute 'batch'"):
        suite.setup(suite.setup_cache(), "reference", 2)


def test_energy_after_training_counts_the_calibration():
    suite = energy.EnergyAfterTraining()
    activities = suite.setup_cache()
    of_nq = energy.Energy().setup_cache()
    assert not activities.why_none
    for backend in common.BACKENDS:
        spikes = {}
        for method in common.AFTER_TRAINING:
            suite.setup(activities, method, backend, 2)
            spikes[method] = suite.track_accumulates(activities, method, backend, 2)
            assert activities.cells[method, backend, 2] == activities.cells[method, "norse", 2]
        plain = of_nq.cells[backend, 2]["acs"]
        assert min(spikes["srp"], spikes["cos"]) > 2 * plain  # four steps more than two
        assert abs(spikes["snm"] - plain) < plain / 2
    with pytest.raises(SkipNotImplemented, match="no toy, norse, 2 here"):
        suite.setup(activities, "toy", "norse", 2)


def test_cells_that_are_not_there_are_skipped():
    with pytest.raises(SkipNotImplemented, match="nq"):
        accuracy.look_up({}, "", "nq", "norse", 1)


def test_methods_of_other_timesteps_have_cells_of_their_own():
    def record(method, timesteps, accuracy):
        return make_record(
            method=method, timesteps=timesteps, correct=[1] * accuracy + [0] * (10 - accuracy),
            ann_accuracy=0.9 if method == "nq" else None,
        )  # fmt: skip

    figures = accuracy.figures_of(
        [record("nq", 1, 8), record("nq", 2, 9), record("nq", 4, 9), record("direct", 2, 7)]
    )
    assert figures.timesteps_to_source == {("nq", "norse"): 2}
    assert set(figures.cells) == {
        ("nq", "norse", 1), ("nq", "norse", 2), ("nq", "norse", 4), ("direct", "norse", 2)
    }  # fmt: skip
    assert figures.cells["nq", "norse", 1] == pytest.approx((0.2, 0.1))
    assert figures.cells["direct", "norse", 2].conversion_gap is None


def test_accuracy_is_skipped_on_a_commit_without_comparisons(monkeypatch):
    monkeypatch.setitem(sys.modules, "resnoise.compare", None)
    figures = accuracy.setup_cache()
    assert (figures.cells, figures.timesteps_to_source) == ({}, {})
    with pytest.raises(SkipNotImplemented, match=r"no resnoise\.compare\.compare"):
        accuracy.ErrorRate().setup(figures, "nq", "norse", 1)


def test_what_is_broken_in_the_commit_of_the_suite_fails_a_smoke_run(monkeypatch):
    script = "from benchmarks import common; assert common.OLDER == ()"
    smoke = {**os.environ, "RESNOISE_SMOKE": "1"}
    assert (
        subprocess.run([sys.executable, "-c", script], cwd=common.ROOT, env=smoke).returncode == 0
    )
    monkeypatch.setattr(common, "SMOKE", True)
    monkeypatch.setattr(accuracy, "OLDER", ())
    monkeypatch.setitem(sys.modules, "resnoise.compare", None)
    with pytest.raises(ImportError, match=r"resnoise\.compare"):
        accuracy.setup_cache()


def test_a_checkpoint_that_an_old_commit_cannot_read_does_not_cost_the_others(monkeypatch):
    def accuracies(dataset, method, folder):
        if method != "nq":
            raise CheckpointError("an unexpected keyword argument")
        return [0.25] * max(cifar.TIMESTEPS)

    monkeypatch.setenv("RESNOISE_DATA", "data")
    monkeypatch.setattr(cifar, "_accuracies", accuracies)
    error_rates = cifar.CifarErrorRate().setup_cache()
    assert error_rates == {
        (dataset, "nq", t): 0.75 for dataset in cifar.DATASETS for t in cifar.TIMESTEPS
    }


def test_suites_that_only_look_up_do_not_wait_for_pytorch():
    """asv imports them once for every combination of their parameters."""
    script = "import sys, benchmarks.{}; assert 'torch' not in sys.modules"
    for suite in ("accuracy", "cifar", "energy", "imports"):
        done = subprocess.run([sys.executable, "-c", script.format(suite)], cwd=common.ROOT)
        assert done.returncode == 0, suite


def test_cifar_is_skipped_without_its_folder(monkeypatch):
    monkeypatch.delenv("RESNOISE_DATA", raising=False)
    suite = cifar.CifarErrorRate()
    with pytest.raises(SkipNotImplemented, match="RESNOISE_DATA"):
        suite.setup(suite.setup_cache(), "cifar10", "nq", 1)


@pytest.mark.parametrize(
    ("accuracies", "target", "expected"),
    [
        ({1: 0.5, 2: 0.9, 4: 0.95}, 0.9, 2),
        ({4: 0.95, 1: 0.5, 2: 0.9}, 0.9, 2),
        ({1: 0.95, 2: 0.8, 4: 0.95}, 0.9, 4),  # it has to stay there
        ({1: 0.95, 2: 0.95}, 0.9, 1),
        ({1: 0.5, 2: 0.6}, 0.9, None),
    ],
)
def test_time_steps_to_reach_a_target(accuracies, target, expected):
    assert timesteps_to_reach(accuracies, target) == expected


def test_the_conversion_gap_is_never_negative():
    assert conversion_gap(0.75, 0.5) == 0.25
    assert conversion_gap(0.5, 0.75) == 0
