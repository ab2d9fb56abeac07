"""The gate on other versions of a library: planted faults, broken ones, folders that hold none."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from faults import ROOT
from turns import files_in_turns

from resnoise.check import gate, library
from resnoise.check.ratio import time_in_turns
from resnoise.check.rules import Status
from resnoise.check.trees import Side
from resnoise.errors import CheckError

pytest.importorskip("norse")
RESET = "norse/torch/functional/reset.py"


@pytest.fixture
def folder(tmp_path):
    """A copy of the installed Norse, as `pip install --target` makes one."""
    installed = Path(find_spec("norse").origin).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(installed, tmp_path / "norse", ignore=ignored)
    return tmp_path


def test_what_a_fault_in_a_library_moves_is_named_and_nothing_else(folder):
    with (folder / RESET).open("a") as file:
        file.write(
            "\n\n_as_it_was = reset_subtract\n\n\n"
            "def reset_subtract(*args, **kwargs):\n    return 0.5 * _as_it_was(*args, **kwargs)\n"
        )
    comparison = gate.check_library(folder, ["exact", "trained"], print)
    failing = {verdict.name for verdict in comparison.failing}
    assert "grid, norse: digest of membranes" in failing
    assert all("norse" in name for name in failing)
    others = [v for v in comparison.verdicts if "snntorch" in v.name or "reference" in v.name]
    assert others
    assert {verdict.status for verdict in others} == {Status.SAME}
    assert comparison.before.startswith(f"norse {version('norse')}, now of no stated version")
    assert comparison.notes == ["trained accuracy: no library has a part in it"]


def test_what_a_library_no_longer_runs_is_lost_with_the_reason(folder):
    (folder / RESET).write_text("def reset_by_value(): ...\n")
    comparison = gate.check_library(folder, ["exact"], print)
    lost = {v.name for v in comparison.verdicts if v.status is Status.LOST}
    assert "leaky, norse: digest of spikes" in lost
    assert all("norse" in name for name in lost)
    (note,) = comparison.notes
    assert "grid, norse; digits, norse; " in note
    assert RESET in note
    _, lost = time_in_turns(Side(ROOT, folder), Side(ROOT), print, launches=2, rounds=1)
    trained = [f"training {name}, norse" for name in ("IAF", "LIF", "LSNN")]
    assert lost == ["neuron loop, norse", *trained]


NEURONS = """
from resnoise.check.exact_neurons import groups
for name, make in groups().items():
    try:
        list(make())
    except ImportError as error:
        print(name, error)
"""


def test_a_neuron_that_a_library_no_longer_has_costs_itself_alone(folder):
    (folder / "norse/torch/module/lsnn.py").write_text("class Other: ...\n")
    for package in ("norse/torch", "norse/torch/module"):  # which import every neuron
        (folder / package / "__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", NEURONS], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(folder)}, timeout=200,
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    assert line.startswith("neuron LSNN, norse cannot import name 'LSNN'")


def test_each_version_is_timed_with_its_own_modules(folder):
    module = "norse.torch.functional.reset"
    files = files_in_turns(Side(ROOT, folder), Side(ROOT), "neuron loop, norse", module)
    assert [file.startswith(str(folder)) for file in files] == [True, False, True]


def test_the_version_of_a_library_that_pip_installed_is_told(folder):
    metadata = folder / "norse-9.8.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: norse\nVersion: 9.8\n")
    assert library.versions(folder) == {"norse": (version("norse"), "9.8")}


def test_a_folder_with_pytorch_in_it_is_refused(folder):
    """Two of them cannot be in one process; pip without `--no-deps` makes such a folder."""
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").touch()
    with pytest.raises(CheckError, match=r"without torch, but got .*--no-deps"):
        library.versions(folder)


def test_a_library_that_is_not_installed_has_nothing_to_be_compared_with(folder, monkeypatch):
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    with pytest.raises(CheckError, match=r"expected norse to be installed.*pip install norse"):
        library.versions(folder)


def test_parts_without_a_library_in_them_are_an_error(folder):
    with pytest.raises(CheckError, match="name other `parts`"):
        gate.check_library(folder, ["trained"], print)


INSTALLED = """
import sys
from pathlib import Path
from resnoise.check import trees
from resnoise.check.probe import packages_in
from resnoise.training import checkpoint

assert trees.__file__.startswith(sys.argv[1]), trees.__file__
with trees.own_tree() as root:
    assert packages_in([str(root)]) == {"resnoise", "resnoise_baselines"}, packages_in([str(root)])
    checkpoint.read(trees.fixed_weights(root))
    found = trees.measure(trees.Side(root), trees.fixed_weights(root), [])
    assert found.failed == {} and found.figures == [], found
"""


def test_a_wheel_brings_all_that_checking_a_library_needs(tmp_path):
    """Outside a checkout, where a library's own project has nothing but the package."""
    pytest.importorskip("setuptools", minversion="77")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = tmp_path / "source"  # setuptools builds in the folder that it builds from
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, files.stdout.decode().split("\0")):
        if not name.startswith("results/") or name.startswith("results/check/"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    place = tmp_path / "installed"
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source]
    subprocess.run(wheel, check=True, timeout=100)
    (built,) = tmp_path.glob("*.whl")
    install = [*pip, "install", "--no-deps", "--no-index", "--target", place, built]
    subprocess.run(install, check=True, timeout=100)
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED, place], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(place)}, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
