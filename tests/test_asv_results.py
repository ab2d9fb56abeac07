"""What asv makes of a results folder that is not whole, or not only this machine's."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("asv")

ROOT = Path(__file__).resolve().parent.parent
SUITE = """
import os, pathlib, time
class Tiny:
    version = "1"
    unit = "n"
    def track_n(self):
        if "HANG" in os.environ:
            pathlib.Path(os.environ["HANG"]).touch()
            time.sleep(10)
        return 3
"""
RUN = ("run", "--python=same", "--machine", "ours", "--set-commit-hash")


class Project:
    """A repository of two commits with this project's asv settings, measured on `ours`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = json.loads((ROOT / "asv.conf.json").read_text())
        (folder / "asv.conf.json").write_text(json.dumps(settings))
        (folder / "benchmarks").mkdir()
        (folder / "benchmarks" / "__init__.py").touch()
        (folder / "benchmarks" / "tiny.py").write_text(SUITE)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "--all")
        self.commits = [self.commit("one"), self.commit("two")]
        self.results = folder / settings["results_dir"]
        self.graphs = folder / settings["html_dir"] / "graphs" / "branch-HEAD"
        self.asv("machine", "--yes", "--machine", "ours")
        for commit in self.commits:
            self.asv(*RUN, commit)

    def git(self, *arguments: str) -> str:
        author = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *author, *arguments]
        return subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of asv, which keeps its machines in the home folder."""
        return subprocess.Popen(
            [sys.executable, "-m", "asv", *arguments],
            cwd=self.folder,
            env=os.environ | {"HOME": str(self.folder)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def asv(self, *arguments: str) -> str:
        """What a command says that must succeed."""
        process = self.start(*arguments)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def files(self, machine: str) -> dict[str, Path]:
        """Results by the first letters of their commit."""
        found = (self.results / machine).glob("*-*.json")
        return {path.name.partition("-")[0]: path for path in found}

    def add_machine(self, name: str) -> None:
        """Results as a colleague would have committed them."""
        folder = shutil.copytree(self.results / "ours", self.results / name)
        for path in folder.iterdir():
            path.write_text(path.read_text().replace('"machine": "ours"', f'"machine": "{name}"'))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_another_machines_results_get_a_curve_of_their_own(project):
    project.add_machine("theirs")
    assert "Error" not in project.asv("publish")
    assert {path.name for path in project.graphs.iterdir()} == {"machine-ours", "machine-theirs"}


def test_a_checkout_of_a_pull_request_without_a_branch_has_the_curve_of_its_commits(project):
    project.git("checkout", "--quiet", "--detach")
    project.git("branch", "--delete", "--force", "main")
    assert "Error" not in project.asv("publish")
    (graph,) = project.graphs.rglob("tiny.Tiny.track_n.json")
    assert [value for _, value in json.loads(graph.read_text())] == [3, 3]


def test_machines_are_compared_only_with_themselves(project):
    project.add_machine("theirs")
    assert "tiny.Tiny.track_n" in project.asv("compare", "--machine", "ours", *project.commits)


def test_a_file_cut_short_is_named_and_costs_only_itself(project):
    first, second = (project.files("ours")[commit[:8]] for commit in project.commits)
    second.write_text(second.read_text()[:100])
    said = project.asv("publish")
    assert f"Error parsing JSON in file '{second}'" in said
    assert first.name not in said
    assert [path.name for path in project.graphs.iterdir()] == ["machine-ours"]


def test_a_run_that_is_killed_leaves_other_commits_alone_and_is_started_again(project):
    first, second = (project.files("ours")[commit[:8]] for commit in project.commits)
    before = first.read_bytes()
    second.unlink()
    hanging = project.folder / "hanging"
    process = project.start(*RUN, project.commits[1], HANG=str(hanging))
    while not hanging.exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (first.read_bytes(), second.exists()) == (before, False)
    project.asv(*RUN, project.commits[1])
    assert (first.read_bytes(), second.exists()) == (before, True)
