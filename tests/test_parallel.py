"""Trainings side by side: what they share, and what ends them."""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.command_line import RUN, resnoise_process


def test_trainings_side_by_side_start_from_one_that_is_trained_once(tmp_path):
    resnoise_process(
        "compare", "--out", "out", "--methods", "nq,qcfs", "--jobs", "2",
        "--set", "extensions.start_from=qcfs",
        "--seeds", "0", "--epochs", "1", "--timesteps", "1", "--backends", "reference",
        cwd=tmp_path,
    )  # fmt: skip
    trained = [
        json.loads(path.read_text())
        for path in (tmp_path / "runs/digits/digits-cnn/seed0").glob("*/best.json")
    ]
    (scratch,) = (info for info in trained if not info.get("start"))
    assert scratch["method"] == "qcfs"
    starts = {info["method"]: info["start"] for info in trained if info != scratch}
    assert starts == {"nq": scratch["sha256"], "qcfs": scratch["sha256"]}


def test_trainings_share_the_threads_of_those_that_run(tmp_path):
    arguments = ["compare", "--methods", "qcfs", "--backends", "reference", "--epochs", "1",
                 "--timesteps", "1", "--threads", "2", "--jobs", "2"]  # fmt: skip
    for seeds, threads in (("0", 2), ("0,1", 1)):
        folder = tmp_path / seeds
        folder.mkdir()
        resnoise_process(*arguments, "--seeds", seeds, "--out", "out", cwd=folder)
        trained = list(folder.glob("runs/digits/digits-cnn/*/*/best.json"))
        assert len(trained) == len(seeds.split(","))
        for path in trained:
            (segment,) = json.loads(path.read_text())["segments"]
            assert segment["threads"] == threads


def test_a_training_that_fails_ends_the_others(tmp_path):
    arguments = [
        "compare", "--out", "out", "--methods", "qcfs", "--backends", "reference", "--timesteps",
        "1", "--seeds", "0,1", "--threads", "2", "--jobs", "2", "--epochs", "9999",
    ]  # fmt: skip
    process = subprocess.Popen([*RUN, *arguments], cwd=tmp_path, start_new_session=True)
    while len(written := sorted(tmp_path.glob("runs/digits/digits-cnn/*/*/last.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    written[0].write_text("{")
    done = resnoise_process(*arguments, cwd=tmp_path, status=1)  # hours before the second is done
    assert done.stderr.startswith("error: ")
    assert f"{written[0].parent.name}/last.json" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_killed_worker_is_one_line_and_the_same_command_resumes(tmp_path):
    arguments = [
        "compare", "--out", "out", "--methods", "qcfs", "--backends", "reference", "--epochs", "2",
        "--timesteps", "1", "--seeds", "0,1", "--threads", "2", "--jobs", "2",
    ]  # fmt: skip
    process = subprocess.Popen([*RUN, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (workers := workers_of(process.pid)):
        assert process.poll() is None  # no pause: the first is killed while the second is started
    os.kill(workers[0], signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 1
    assert said.startswith("error: a process was killed while 2 networks were trained at a time")
    assert said.count("\n") == 1
    resnoise_process(*arguments, cwd=tmp_path)


def trainings_begun(folder, pid):
    return len(list(folder.glob("runs/digits/digits-cnn/*/*/training"))) == 2


def workers_import(folder, pid):
    return len(workers_of(pid)) == 2


@pytest.mark.parametrize("begun", [workers_import, trainings_begun])
def test_an_interrupt_is_one_line_and_the_same_command_resumes(begun, tmp_path):
    arguments = [
        "compare", "--out", "out", "--methods", "qcfs", "--backends", "reference", "--epochs", "1",
        "--timesteps", "1", "--seeds", "0,1,2,3,4", "--threads", "2", "--jobs", "2",
    ]  # fmt: skip
    process = subprocess.Popen(
        [*RUN, *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What runs in the background of a shell ignores interrupts, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not begun(tmp_path, process.pid):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it, to workers too
    _, said = process.communicate()
    assert process.returncode == 130
    assert said == "interrupted; the same command resumes it\n"
    assert len(list(tmp_path.glob("runs/digits/digits-cnn/*"))) <= 2
    resnoise_process(*arguments, cwd=tmp_path)


def workers_of(pid):
    """The processes that train, of those that `pid` started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in command_of(child)]


def command_of(pid):
    # Git's are among the children, and end at any moment.
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
