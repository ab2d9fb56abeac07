"""What the results call a machine, and what is said of a suite that measures nothing."""

import csv
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("asv")

from benchmarks.runner import machine

ROOT = Path(__file__).resolve().parent.parent
SUITES = {
    "gone": "raise SkipNotImplemented('no resnoise.Gone')",
    "unasked": "raise NotAskedFor('no folder of data')",
    "half": "if n == 1: raise SkipNotImplemented('one of two')",
    "alive": "pass",
}
SUITE = """
from asv_runner.benchmarks.mark import SkipNotImplemented
class NotAskedFor(SkipNotImplemented): pass
class Suite:
    version, unit, timeout = "1", "n", 60
    params, param_names = ([1, 2],), ("n",)
    def setup(self, n):
        {}
    def track_n(self, n):
        return n
"""


@pytest.fixture
def project(tmp_path):
    """A repository with a suite of four files, two of which measure nothing."""
    settings = json.loads((ROOT / "asv.conf.json").read_text())
    (tmp_path / "asv.conf.json").write_text(json.dumps(settings))
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, setup in SUITES.items():
        (folder / f"{name}.py").write_text(SUITE.format(setup))
    author = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def run(project, *arguments, **environment):
    """The runner on a project's suite, in this environment."""
    command = [sys.executable, "-m", "benchmarks.runner", "--config", project / "asv.conf.json"]
    return subprocess.run(
        [*command, "--machine", "ours", "--python=same", *arguments],
        cwd=ROOT,
        env=os.environ | {"HOME": str(project)} | environment,
        capture_output=True,
        text=True,
    )


def complaints(done):
    return [line for line in done.stderr.splitlines() if line.startswith("error:")]


def test_a_file_that_measures_nothing_is_named_and_the_processor_is_kept(project):
    done = run(project, "--set-commit-hash", "HEAD")
    (complaint,) = complaints(done)
    assert complaint.startswith("error: benchmarks/gone.py measured nothing at ")
    assert complaint.endswith(": 'no resnoise.Gone'")
    assert done.returncode == 0, done.stdout
    folder = project / "results" / "asv" / "ours"
    (line,) = csv.DictReader((folder / machine.TABLE).open())
    (result,) = folder.glob("*-*.json")
    kept = json.loads(result.read_text())
    assert line["commit"] == kept["commit_hash"]
    assert float(line["load"]) >= 0
    assert line["os"] == f"{platform.system()} {platform.release()}"
    assert machine.fields("ours").items() <= kept["params"].items()


def test_a_smoke_run_fails_where_a_file_measures_nothing(project):
    done = run(project, "--dry-run", "--quick", RESNOISE_SMOKE="1")
    assert len(complaints(done)) == 1
    assert done.returncode == 1
    done = run(project, "--dry-run", "--quick", "--bench", "half|alive", RESNOISE_SMOKE="1")
    assert (done.returncode, complaints(done)) == (0, [])
    assert not list(project.rglob(machine.TABLE))


def test_another_kernel_and_a_little_more_memory_are_the_same_machine(monkeypatch):
    seen = []
    for release, memory in (("6.18.44-v595", 25276514304), ("6.19.2-v657", 25276510208)):
        monkeypatch.setattr(platform, "release", lambda release=release: release)
        monkeypatch.setattr(machine, "get_memsize", lambda memory=memory: memory)
        seen.append(machine.fields("vm"))
    assert seen[0] == seen[1]
    assert seen[0]["ram"] == "24 GiB"


def test_a_machine_of_another_size_needs_a_name_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    ours = machine.fields("vm")
    (tmp_path / "vm").mkdir()
    (tmp_path / "vm" / "machine.json").write_text(json.dumps({**ours, "version": 1}))
    machine.register("vm", tmp_path)
    assert json.loads((tmp_path / ".asv-machine.json").read_text())["vm"] == ours
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    with pytest.raises(machine.OtherMachineError, match=r"num_cpu .* has '96'.*MACHINE=NAME"):
        machine.register("vm", tmp_path)
    machine.register("server", tmp_path)


def test_committed_results_are_one_curve_of_this_projects_machine():
    folder = ROOT / "results" / "asv" / "vm"
    fields = json.loads((folder / "machine.json").read_text())
    del fields["version"]
    results = [json.loads(path.read_text()) for path in folder.glob("*-*.json")]
    assert all(fields.items() <= result["params"].items() for result in results)
    with (folder / machine.TABLE).open() as table:
        measured = {line["commit"] for line in csv.DictReader(table)}
    assert measured >= {result["commit_hash"] for result in results}
