"""Jobs of a cluster, tried with submitit's own local executors; the script for SLURM is read."""

import functools
import os
import subprocess
import sys
from unittest.mock import Mock

import pytest

from resnoise.compare import executors, runner
from resnoise.compare.executors import Cluster, Submitted
from resnoise.compare.plan import Plan, RunOptions
from resnoise.compare.runner import compare
from resnoise.config.recipe import Recipe
from resnoise.datasets import DataOptions
from resnoise.errors import ConfigError, DataError, Stopped, TrainingError
from resnoise.records.store import RecordStore
from resnoise.utils.progress import silence
from tests.command_line import resnoise

submitit = pytest.importorskip("submitit")


def work(piece):
    if piece == "data":
        raise DataError("no images")
    if piece == "stop":
        raise Stopped("1 of 2")
    return 2 * piece


def run(kind, folder, pieces, keep=None, threads=None):
    submitted = Submitted(Cluster(folder, kind), jobs=2, threads=threads)
    return submitted.run_each(work, pieces, silence, "doubled", keep)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(executors, "_SECONDS_BETWEEN_LOOKS", 0.1)


def test_results_are_in_order(tmp_path):
    assert run("debug", tmp_path, [1, 2, 3]) == [2, 4, 6]
    assert run("debug", tmp_path, []) == []


@pytest.mark.parametrize(
    ("piece", "error", "said"),
    [
        ("data", DataError, "^no images$"),
        ("stop", Stopped, "^1 of 2$"),
    ],
)
def test_an_error_in_a_job_is_reported_by_the_command(tmp_path, piece, error, said):
    with pytest.raises(error, match=said):
        run("debug", tmp_path, [1, piece])


@pytest.mark.parametrize("piece", ["data", "stop"])
def test_what_other_jobs_found_is_kept(tmp_path, piece):
    kept = []
    with pytest.raises((DataError, Stopped)):
        run("debug", tmp_path, [1, piece, 3], keep=kept.append)
    assert kept == [2, 6]


def test_results_are_kept_as_they_come(tmp_path, monkeypatch):
    slow, fast = (
        Mock(**{"exception.return_value": None, "result.return_value": executors._Outcome(name)})
        for name in ("slow", "fast")
    )
    slow.done.side_effect = [False, True]
    monkeypatch.setattr(Cluster, "executor", lambda *_: Mock(map_array=lambda *_: [slow, fast]))
    kept = []
    assert run("slurm", tmp_path, [1, 2], keep=kept.append) == ["slow", "fast"]
    assert kept == ["fast", "slow"]


def test_a_job_that_ends_without_a_result_is_one_line():
    job = Mock(job_id="12_3")
    job.exception.return_value = RuntimeError("Job (task=0) failed\nslurmstepd: out of memory\n")
    error = executors._outcome(job)
    assert isinstance(error, TrainingError)
    assert str(error).startswith("job 12_3 ended without a result (slurmstepd: out of memory)")
    assert "\n" not in str(error)


def test_a_comparison_by_jobs_is_that_of_this_machine(tmp_path):
    plan = Plan(
        data=DataOptions("digits"),
        # One that trains nothing, and waits for the network that it converts.
        recipes={"srp": Recipe(epochs=1), "qcfs": Recipe(epochs=1)},
        backends=("reference",),
        architectures=("digits-cnn",),
        timesteps=(1,),
    )
    found = {}
    for name, cluster in (
        ("pool", None),
        ("debug", Cluster(tmp_path / "jobs", "debug")),
    ):
        out = tmp_path / name
        compare(plan, RunOptions(out, tmp_path / f"{name}-runs", cluster=cluster))
        found[name] = [(r.key, r.correct, r.checkpoint_sha256) for r in RecordStore(out).load()]
    assert len(found["pool"]) == 2
    assert found["debug"] == found["pool"]


def test_a_job_in_a_process_of_its_own(tmp_path):
    """As on another machine: what is sent must be picklable, and come back."""
    double = functools.partial(max, 3)
    cluster = Cluster(tmp_path, "local", {"timeout_min": 2})
    assert Submitted(cluster, 1).run_each(double, [2, 5], silence, "compared") == [3, 5]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A machine with commands of SLURM that note what they are called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, prints in {"sbatch": "Submitted batch job 12", "srun": "", "squeue": "", "sacct": "",
                         "scancel": "", "scontrol": ""}.items():  # fmt: skip
        (folder / name).write_text(f"#!/bin/sh\necho '{prints}'\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.usefixtures("slurm")
def test_the_script_for_slurm_is_an_array_that_is_queued_again(tmp_path):
    settings = {"timeout_min": 120, "slurm_partition": "gpu", "gpus_per_node": 1}
    executor = Cluster(tmp_path / "jobs", "slurm", settings).executor(jobs=3)
    executor.map_array(executors._Resumed(work), [1, 2, 3, 4])
    script = next((tmp_path / "jobs").glob("*.sh"))
    text = script.read_text()
    for line in ("--array=0-3%3", "--partition=gpu", "--time=120", "--gpus-per-node=1",
                 "--job-name=resnoise", "--open-mode=append"):  # fmt: skip
        assert f"#SBATCH {line}" in text
    assert "#SBATCH --signal=USR2@" in text
    assert "submitit.core._submit" in text
    assert subprocess.run(["sh", "-n", script]).returncode == 0


def test_a_pre_empted_job_is_submitted_with_the_same_work():
    again = executors._Resumed(work).checkpoint(4)
    assert again.result().value == 8


def test_jobs_compute_on_the_threads_that_were_asked_for(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(executors.torch, "set_num_threads", used.append)
    run("debug", tmp_path, [1, 2], threads=3)
    assert used == [3, 3]
    run("debug", tmp_path, [1])
    assert used == [3, 3]


def test_jobs_are_told_how_many_threads_the_command_has(tmp_path, monkeypatch):
    given = []

    def plan(plan, options, **_):
        given.append(options.executor.threads)
        raise ConfigError("planned")

    monkeypatch.setattr(runner, "compare", plan)
    for arguments in (["--threads", "1"], [], ["--dataset", "cifar10"]):
        resnoise(*COMPARE, "--executor", "slurm", *arguments, cwd=tmp_path, status=1)
    assert given == [1, 1, None]


COMPARE = ["compare", "--out", "out", "--methods", "qcfs", "--backends", "reference"]


def test_bad_settings_of_executors_are_errors_of_one_line(tmp_path, monkeypatch):
    short = [*COMPARE, "--seeds", "0", "--epochs", "1", "--timesteps", "1"]
    for arguments, said in (
        (["--executor", "slurm"], "expected the commands of SLURM for --executor slurm"),
        (["--executor", "cloud"], "expected --executor to be local or slurm, but got 'cloud'"),
        (["--slurm", "timeout_min=3"], "--slurm only with --executor slurm, but got local"),
        (["--executor", "slurm", "--slurm", "x"], "expected --slurm to be NAME=VALUE"),
    ):
        done = resnoise(*short, *arguments, cwd=tmp_path, status=1)
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    monkeypatch.setitem(sys.modules, "submitit", None)
    done = resnoise(*short, "--executor", "slurm", cwd=tmp_path, status=1)
    assert "it is not installed; pip install 'resnoise[cluster]'" in done.stderr


@pytest.mark.usefixtures("slurm")
def test_a_setting_that_submitit_does_not_know(tmp_path):
    with pytest.raises(ConfigError, match="expected settings of submitit in `slurm`, but got"):
        Cluster(tmp_path, "slurm", {"colour": 1}).executor(1)
