"""Work that ends in good order before its time is up."""

import fcntl
import os
import pickle

import pytest
import torch
from tiny_job import tiny_job

from resnoise.config import deadline as deadlines
from resnoise.config.deadline import Deadline, duration
from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError, Stopped
from resnoise.training import checkpoint
from resnoise.training.run_folders import run_directory, train_in
from resnoise.training.trainer import Trainer, train
from resnoise.utils import files
from tests.command_line import resnoise


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("15m", 900), (" 2h ", 7200)]
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1d", "m", "1h30m", "nan", "9" * 400])
def test_what_is_no_duration(text):
    with pytest.raises(ConfigError, match="expected a time such as 90, 15m or 2h, but got"):
        duration(text)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [1000.0]
    monkeypatch.setattr(deadlines.time, "time", lambda: now[0])
    return now


def test_a_training_ends_at_an_epoch_and_resumes(uninterrupted, tmp_path, clock):
    execution = ExecutionConfig(deadline=Deadline.after(100.0))

    def later(done, total, text):
        clock[0] = 1000.0 if done <= 4 else 1101.0  # in the second epoch of three steps

    with pytest.raises(Stopped, match="2 of 4 epochs of nq, seed 0, are trained"):
        train(tiny_job(), tmp_path, execution, later)
    assert checkpoint.read_info(tmp_path / "last.json").epoch == 2
    train(tiny_job(), tmp_path)
    _, tensors = checkpoint.read(tmp_path / "last.json")
    _, expected = checkpoint.read(uninterrupted / "last.json")
    assert all(torch.allclose(tensors[name], x, rtol=1e-6) for name, x in expected.items())


def test_an_epoch_that_will_not_fit_is_not_begun(tmp_path, clock):
    trainer = Trainer(tiny_job(), tmp_path, ExecutionConfig(deadline=Deadline.after(100.0)))
    trainer.run_epoch()
    trainer.history[0]["seconds"] = 60.0
    clock[0] += 30.0
    trainer.end_if_late()  # 70 seconds are left
    clock[0] += 20.0
    with pytest.raises(Stopped):
        trainer.end_if_late()
    assert (tmp_path / "last.json").exists()


def test_less_than_an_epoch_is_an_error_and_loses_nothing(tmp_path, clock):
    trainer = Trainer(tiny_job(), tmp_path, ExecutionConfig(deadline=Deadline.after(10.0)))
    trainer.run_epoch()
    trainer.history[0]["seconds"] = 60.0
    with pytest.raises(ConfigError, match=r"`stop_after` to be as long as one epoch, about 60 sec"):
        trainer.end_if_late()
    assert checkpoint.read_info(tmp_path / "last.json").epoch == 1


def test_the_first_epoch_is_told_to_be_too_long_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("resnoise.training.pace.Pace.epoch_seconds", lambda pace, index: 500.0)
    with pytest.raises(ConfigError, match="about 500 seconds here, but got 60"):
        train(tiny_job(), tmp_path, ExecutionConfig(deadline=Deadline.after(60.0)))


def test_a_time_that_is_over_before_work_begins_is_an_error(tmp_path, clock):
    """Else the same command would be repeated for ever."""
    execution = ExecutionConfig(deadline=Deadline.after(2.0))
    clock[0] += 6.5  # to import, to load
    with pytest.raises(
        ConfigError, match=r"longer than it takes to begin, about 7 sec.* got 2; no"
    ):
        train(tiny_job(), tmp_path, execution)
    with pytest.raises(Stopped):  # of another piece of work in the same process
        train(tiny_job(), tmp_path, execution)
    with pytest.raises(ConfigError, match="longer than it takes to begin"):
        Deadline(at=1006.0, seconds=2.0).require(0.0, "0 of 2 networks")
    deadline = Deadline(at=1007.0, seconds=7.0)
    deadline.require(0.0, "no job is submitted")
    clock[0] += 2.0
    with pytest.raises(Stopped):  # of a job that had to wait
        pickle.loads(pickle.dumps(deadline)).require(0.0, "0 of 2 epochs")


def test_a_training_that_another_process_does_is_waited_for_until_then(
    tmp_path, clock, monkeypatch
):
    execution = ExecutionConfig(deadline=Deadline.after(60.0))
    directory = run_directory(tmp_path, tiny_job())
    monkeypatch.setattr(files.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + 25.0))
    with (
        files.exclusive(directory / "training"),
        pytest.raises(Stopped, match=r"another process still works in .*training"),
    ):
        train_in(tmp_path, tiny_job(), execution)
    assert clock[0] == 1075.0
    with files.exclusive(directory / "training", Deadline.after(60.0)):
        assert clock[0] == 1075.0  # a lock that is free is taken at once


COMPARE = [
    "compare",
    "--out",
    "out",
    "--methods",
    "qcfs",
    "--backends",
    "reference",
    "--seeds",
    "0",
]
SHORT = ["--epochs", "2", "--timesteps", "1"]


def test_the_command_says_so_and_the_same_command_resumes(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Deadline, "leaves", lambda deadline, seconds: False)
        done = resnoise(*COMPARE, *SHORT, "--stop-after", "9m", cwd=tmp_path, status=75)
    assert done.stderr == (
        "stopped in time: 0 of 2 epochs of qcfs, seed 0, are trained; the same command resumes\n"
    )
    resnoise(*COMPARE, *SHORT, "--stop-after", "9m", cwd=tmp_path)
    for wrong in ("tomorrow", "0.001"):
        (tmp_path / wrong).mkdir()
        done = resnoise(*COMPARE, *SHORT, "--stop-after", wrong, cwd=tmp_path / wrong, status=1)
        assert done.stderr.startswith("error: expected ")
        assert done.stderr.count("\n") == 1


def test_two_comparisons_do_not_write_to_one_folder(tmp_path):
    (tmp_path / "out").mkdir()
    held = os.open(tmp_path / "out" / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = resnoise(*COMPARE, *SHORT, cwd=tmp_path, status=1)
    assert done.stderr == (
        "error: another process writes to out; wait until it ends, or use another --out\n"
    )
    os.close(held)
