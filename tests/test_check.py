"""The gate on trees with planted faults, on trees it cannot measure, and as a user calls it."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from faults import CHECK, FAULTS, ROOT, plant

from resnoise import convert
from resnoise.check import gate, reference, trees
from resnoise.check.grid_network import grid_images, grid_network
from resnoise.check.ratio import time_in_turns
from resnoise.check.rules import judge
from resnoise.errors import CheckError

DETERMINISTIC = [name for name in FAULTS if name not in ("nothing", "neuron loop 5 % slower")]


@pytest.fixture
def tree(tmp_path):
    """A copy of the package as a commit from before the gate has it: without `resnoise.check`."""
    for package in ("resnoise", "baselines"):
        ignored = shutil.ignore_patterns("__pycache__", "check")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


def against_reference(tree: Path):
    before = reference.read(ROOT / gate.REFERENCE)
    exact = {name: f for name, f in before.by_name().items() if not name.startswith("trained")}
    now = trees.measure(tree, ROOT / gate.WEIGHTS, ["exact"])
    assert not now.failed
    return judge(exact, now.by_name())


def test_an_unchanged_tree_passes_against_the_committed_reference(tree):
    verdicts = against_reference(tree)
    assert [v for v in verdicts if v.status.fails] == []


@pytest.mark.parametrize("fault", DETERMINISTIC)
def test_a_planted_fault_is_caught(tree, fault):
    plant(tree, fault)
    assert any(verdict.status.fails for verdict in against_reference(tree))


def test_a_tree_that_cannot_be_imported_is_an_error(tree):
    (tree / "resnoise" / "neuron.py").write_text("import no_such_module\n")
    with pytest.raises(CheckError, match=r"no_such_module.*name another base"):
        trees.measure(tree, ROOT / gate.WEIGHTS, ["exact"])


def test_a_group_that_a_tree_lacks_does_not_cost_the_others(tree):
    (tree / "resnoise" / "grid.py").unlink()
    now = trees.measure(tree, ROOT / gate.WEIGHTS, ["exact"])
    assert "neurons, reference: tensor operations in 4 steps" in now.by_name()
    assert {"digits, reference", "noise"} <= set(now.failed)


def test_times_come_from_both_trees(tree):
    ratios = time_in_turns(ROOT, tree, print, launches=2, rounds=2)
    assert {"neuron loop, reference", "simulation", "training step"} <= set(ratios)
    assert all(ratio.estimate > 0 for ratio in ratios.values())


def test_trees_without_a_common_workload_are_an_error(tree):
    shutil.rmtree(tree / "resnoise" / "backends")
    (tree / "resnoise" / "__init__.py").write_text("")
    (tree / "resnoise" / "backends.py").write_text("def available():\n    return []\n")
    with pytest.raises(CheckError, match="no timed workload in common"):
        time_in_turns(ROOT, tree, print, launches=2, rounds=1)


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
        reference.read(path)
    path.write_text((ROOT / gate.REFERENCE).read_text()[:-200])
    with pytest.raises(CheckError, match=r"damaged.*--record"):
        reference.read(path)


def test_recording_refuses_a_tree_with_changes(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)

    git("init", "--quiet")
    trees.require_clean(tmp_path)
    (tmp_path / "new.py").write_text("")
    with pytest.raises(CheckError, match=r"clean tree.*new\.py"):
        trees.require_clean(tmp_path)


def cli(*arguments):
    return subprocess.run([*CHECK, *arguments], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--base", "no-such-commit"], "expected a commit"),
        (["--parts", "speed"], "expected --parts to be of exact, trained, time"),
        (["--parts", "time"], "name one with --base"),
        (["--reference", "nowhere.json"], "cannot read the reference nowhere.json"),
    ],
)
def test_what_the_gate_cannot_do_is_exit_status_2(arguments, message):
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


def test_a_figure_that_got_worse_is_named_and_exit_status_1(tmp_path):
    text = (ROOT / gate.REFERENCE).read_text()
    name = "neurons, reference: tensor operations in 4 steps"
    before = reference.read(ROOT / gate.REFERENCE).by_name()[name].value
    path = tmp_path / "reference.json"
    path.write_text(text.replace(f'"{name}", "kind": "count", "value": {before}',
                                 f'"{name}", "kind": "count", "value": {before - 1}'))  # fmt: skip
    done = cli("--reference", str(path), "--parts", "exact")
    assert done.returncode == 1, done.stderr
    assert f"{name}" in done.stdout
    assert "WORSE" in done.stdout
