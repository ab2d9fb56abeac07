"""The gate on trees it cannot measure, and as a user calls it."""

import shutil
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from faults import ROOT
from turns import files_in_turns

from resnoise import convert, methods
from resnoise.check import gate, probe, recorded, trained, trees
from resnoise.check.exact_network import grid_images, grid_network
from resnoise.check.measurement import Figure, Kind
from resnoise.check.ratio import time_in_turns
from resnoise.check.rules import Status, judge
from resnoise.check.trained import converted_training
from resnoise.check.trees import Side
from resnoise.errors import CheckError
from resnoise.methods import Training
from resnoise.methods.conversion_method import ConversionMethod
from tests.command_line import resnoise


def test_a_tree_that_cannot_be_imported_is_an_error(tree):
    (tree / "resnoise" / "simulation" / "neuron.py").write_text("import no_such_module\n")
    with pytest.raises(CheckError, match=r"no_such_module.*name another base or library"):
        trees.measure(Side(tree), ROOT / gate.WEIGHTS, ["exact"])


def test_a_group_that_a_tree_lacks_does_not_cost_the_others(tree):
    (tree / "resnoise" / "models" / "digits_cnn.py").unlink()
    now = trees.measure(Side(tree), ROOT / gate.WEIGHTS, ["exact"])
    assert "neurons, reference: tensor operations in 4 steps" in now.by_name()
    assert {"digits, reference", "noise"} <= set(now.failed)


def test_a_method_that_a_tree_lacks_does_not_cost_the_trained_figures_of_others(monkeypatch):
    def older(name):
        if name == "srp":
            raise AttributeError("module 'baselines.srp' has no attribute 'SRP'")
        return name if name in ("nq", "qcfs") else None

    monkeypatch.setattr(trained, "converted_training", older)
    groups = trained.groups()
    assert {"trained, nq", "trained, qcfs", "trained, srp"} == set(groups)
    with pytest.raises(AttributeError, match="has no attribute 'SRP'"):
        groups["trained, srp"]()


def test_figures_of_a_library_that_is_not_installed_are_left_out(monkeypatch):
    before = recorded.read(ROOT / gate.REFERENCE)
    here = [f for f in before.figures if "norse" not in f.name and f.name.startswith("grid")]
    assert any("srp, norse" in figure.name for figure in before.figures)
    monkeypatch.setattr(gate.backends, "missing", lambda: {"norse": "pip install norse"})
    monkeypatch.setattr(gate, "_measure_working_tree", lambda *_: replace(before, figures=here))
    comparison = gate.check_against_reference(ROOT / gate.REFERENCE, ["exact"], print)
    assert "backend norse: not installed here: pip install norse" in comparison.notes
    assert not any("norse" in verdict.name for verdict in comparison.verdicts)


def test_figures_that_the_working_tree_can_no_longer_give_are_lost_with_the_reason(monkeypatch):
    before = recorded.read(ROOT / gate.REFERENCE)
    here = [f for f in before.figures if f.name.startswith("grid, norse")]
    now = replace(before, figures=here, failed={"noise": "ImportError('no induce')"})
    monkeypatch.setattr(trees, "measure", lambda *_: now)
    comparison = gate.check_against_reference(ROOT / gate.REFERENCE, ["exact"], print)
    assert {v.status for v in comparison.failing} == {Status.LOST}
    assert "what does not run now, noise: ImportError('no induce')" in comparison.notes
    monkeypatch.setattr(trees, "measure", lambda *_: replace(now, figures=[]))
    with pytest.raises(CheckError, match="working tree does not run: noise: ImportError"):
        gate.check_against_reference(ROOT / gate.REFERENCE, ["exact"], print)


def test_a_base_is_compared_without_a_library_that_is_not_installed_and_it_is_said(monkeypatch):
    measured = recorded.read(ROOT / gate.REFERENCE)
    monkeypatch.setattr(gate.backends, "missing", lambda: {"norse": "pip install norse"})
    monkeypatch.setattr(trees, "measure", lambda *_: measured)
    comparison = gate.check_against_base("HEAD", ["exact"], print)
    assert comparison.notes == ["backend norse: not installed here: pip install norse"]


def test_only_the_editable_install_of_what_is_measured_is_forgotten(monkeypatch):
    finders = {}
    for name in ("resnoise", "toy"):
        module = ModuleType(f"__editable___{name}_finder")
        module.MAPPING = {name: "/nowhere"}
        monkeypatch.setitem(sys.modules, module.__name__, module)
        finders[name] = type("_EditableFinder", (), {"__module__": module.__name__})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, *finders.values()])
    probe.forget_own_editable_install()
    assert finders["toy"] in sys.meta_path
    assert finders["resnoise"] not in sys.meta_path


def test_a_method_of_some_timesteps_alone_has_a_network_to_convert(monkeypatch):
    class Toy(ConversionMethod):
        name = "toy"
        trained_timesteps = (2, 4)

        def trainings(self, backend, timesteps):
            own = tuple(t for t in timesteps if t in self.trained_timesteps)
            return (Training(self.name, own),) if own else ()

    monkeypatch.setattr(methods, "get", lambda name: Toy())
    assert converted_training("toy") == "toy"


def test_times_come_from_both_trees(tree):
    ratios, lost = time_in_turns(Side(ROOT), Side(tree), print, launches=2, rounds=2)
    assert not lost
    assert {"neuron loop, reference", "simulation", "training step"} <= set(ratios)
    assert all(ratio.estimate > 0 for ratio in ratios.values())


def test_what_the_working_tree_can_no_longer_run_is_named(tree):
    with (tree / "resnoise" / "methods" / "induction.py").open("a") as file:
        file.write("\n\ndef induce() -> None:\n    ...\n")  # takes other arguments
    _, lost = time_in_turns(Side(tree), Side(ROOT), print, launches=2, rounds=2)
    assert lost == ["induction"]


def test_each_tree_is_timed_with_its_own_modules(tree):
    """Also those that it imports when it runs."""
    module = "resnoise.backends.reference"
    files = files_in_turns(Side(ROOT), Side(tree), "conversion", module)
    for file, place in zip(files, (ROOT, tree, ROOT), strict=True):
        assert file.startswith(str(place))


def test_of_two_trees_that_are_timed_the_broken_one_is_named(tree):
    (tree / "resnoise" / "simulation" / "neuron.py").write_text("import no_such_module\n")
    with pytest.raises(
        CheckError, match=rf"no_such_module.* in {tree}/resnoise/simulation/neuron\.py"
    ):
        time_in_turns(Side(ROOT), Side(tree), print, launches=2, rounds=1)


def test_trees_without_a_common_workload_are_an_error(tree):
    shutil.rmtree(tree / "resnoise" / "backends")
    (tree / "resnoise" / "__init__.py").write_text("")
    (tree / "resnoise" / "backends.py").write_text("def available():\n    return []\n")
    with pytest.raises(CheckError, match="no timed workload in common"):
        time_in_turns(Side(ROOT), Side(tree), print, launches=2, rounds=1)


def test_the_grid_network_computes_without_rounding():
    network, images = grid_network(), grid_images(8)
    single, states = convert(network)(images, 6)
    expected, expected_states = convert(network).double()(images.double(), 6)
    assert torch.equal(single.double(), expected)
    for state, expected_state in zip(states, expected_states, strict=True):
        assert torch.equal(state.v.double(), expected_state.v)
    # Ties, which tell ≥ from >, do occur: a membrane of exactly 0 was at the threshold.
    assert sum((state.v == 0).sum().item() for state in states) > 0


def test_a_damaged_reference_is_named(tmp_path):
    path = tmp_path / "reference.json"
    with pytest.raises(CheckError, match="cannot read the reference"):
        recorded.read(path)
    path.write_text((ROOT / gate.REFERENCE).read_text()[:-200])
    with pytest.raises(CheckError, match=r"damaged.*--record"):
        recorded.read(path)


def test_recording_refuses_a_tree_with_changes(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)

    git("init", "--quiet")
    trees.require_clean(tmp_path)
    (tmp_path / "new.py").write_text("")
    with pytest.raises(CheckError, match=r"clean tree.*new\.py"):
        trees.require_clean(tmp_path)


def test_recording_refuses_to_leave_a_backend_out(monkeypatch, tmp_path):
    monkeypatch.setattr(trees, "require_clean", lambda root: None)
    monkeypatch.setattr(gate.backends, "missing", lambda: {"norse": "pip install norse"})
    with pytest.raises(CheckError, match=r"every backend to be installed.*pip install norse"):
        gate.record(tmp_path / "reference.json", print)


def test_without_git_there_are_no_commits(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CheckError, match="expected to run git"):
        trees.commit_id(ROOT, "HEAD")


def test_a_base_commit_that_does_not_run_is_named(tmp_path, monkeypatch):
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path)], check=True)
    (tmp_path / "resnoise" / "simulation" / "neuron.py").write_text("import no_such_module\n")
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *author, "commit", "--quiet", "-am", "x"], cwd=tmp_path, check=True)
    monkeypatch.setattr(trees, "working_tree", lambda: tmp_path)
    commit = trees.commit_id(tmp_path, "HEAD")
    message = rf"cannot measure .*resnoise-{commit[:8]}.*no_such_module.*name another base"
    with pytest.raises(CheckError, match=message):
        gate.check_against_base("HEAD", ["exact"], print)


@pytest.mark.parametrize("names", [[], ["only here"]])
def test_sides_with_nothing_in_common_are_an_error(names):
    verdicts = judge({}, {name: Figure(name, Kind.COUNT, 1) for name in names})
    with pytest.raises(CheckError, match=r"no figure in common.*younger base.*--record"):
        gate.Comparison("a commit", [], verdicts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "no-such-commit"], "expected a commit"),
        (["--parts", "speed"], "expected --parts to be of exact, trained, time"),
        (["--parts", "time"], "name one with --base"),
        (["--reference", "nowhere.json"], "cannot read the reference nowhere.json"),
        (["--record", "--base", "HEAD"], "leave out --base"),
        (["--library", "nowhere"], "expected a folder with a package norse or snntorch"),
        (["--library", "nowhere", "--base", "HEAD"], "name one"),
        (["--library", "nowhere", "--parts", "trained"], "a package norse or snntorch"),
        (["--html", "/dev/null/gate.html"], "cannot make the directory /dev/null"),
    ],
)
def test_what_the_gate_cannot_do_is_exit_status_2(arguments, message):
    assert message in resnoise("check", *arguments, cwd=ROOT, status=2).stderr


def test_what_got_worse_than_on_another_machine_is_named_and_exit_status_1(tmp_path):
    name = "neurons, reference: tensor operations in 4 steps"
    before = recorded.read(ROOT / gate.REFERENCE)
    figures = [replace(f, value=1) if f.name == name else f for f in before.figures]
    elsewhere = before.provenance | {"machine": "Another CPU"}
    path, page = tmp_path / "reference.json", tmp_path / "new" / "gate.html"
    recorded.write(path, replace(before, figures=figures, provenance=elsewhere))
    options = ["--reference", path, "--parts", "exact,time", "--html", page]
    done = resnoise("check", *options, cwd=ROOT, status=1)
    assert "on Another CPU" in done.stdout
    assert "left out: times" in done.stdout
    assert f"{name}" in done.stdout
    assert "WORSE" in done.stdout
    for said in ("on Another CPU", "times: compared with a base alone", name, "WORSE"):
        assert said in page.read_text()
