"""Going on with a training: after a kill at any moment, and never with what is not its own."""

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from tiny_job import tiny_job
from torch import nn
from watched import WATCHED, with_method

from resnoise.errors import CheckpointError
from resnoise.training import checkpoint
from resnoise.training.trainer import Trainer, train

HERE = Path(__file__).parent


def files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# The moment of the kill, as Python that runs before the training, and the epochs done by then.
KILLS = {
    "in the middle of an epoch": ("after_steps(8)", 2),
    "between two epochs": ("at_write('last', 3)", 2),
    "between last and best": ("at_write('best', 3)", 3),
}


@pytest.mark.parametrize("moment", KILLS)
def test_a_killed_training_ends_like_one_that_was_not(moment, uninterrupted, tmp_path):
    kill, epochs = KILLS[moment]
    script = f"""
        import os, signal, sys
        sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
        from pathlib import Path
        import torch
        from resnoise.training import checkpoint
        from resnoise.training.trainer import train
        from tiny_job import tiny_job

        torch.set_num_threads({torch.get_num_threads()})
        progress = None

        def kill():
            os.kill(os.getpid(), signal.SIGKILL)

        def after_steps(steps):
            global progress
            progress = lambda done, total, text: kill() if done >= steps else None

        def at_write(name, epoch):
            write = checkpoint.write
            checkpoint.write = lambda path, info, tensors: (
                kill() if (path.stem, info.epoch) == (name, epoch) else write(path, info, tensors)
            )

        {kill}
        train(tiny_job(), Path({str(tmp_path)!r}), progress=progress)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert checkpoint.read(tmp_path / "last.json")[0].epoch == epochs

    train(tiny_job(), tmp_path)
    for name in ("last.json", "best.json"):
        info, tensors = checkpoint.read(tmp_path / name)
        expected_info, expected = checkpoint.read(uninterrupted / name)
        assert set(tensors) == set(expected)
        for key, tensor in tensors.items():
            assert torch.allclose(tensor, expected[key], rtol=1e-6, atol=1e-8), key
        assert info.epoch == expected_info.epoch
        assert info.best_epoch == expected_info.best_epoch
        for row, other in zip(info.history, expected_info.history, strict=True):
            assert row["train_loss"] == pytest.approx(other["train_loss"], rel=1e-6)
            assert row["validation_accuracy"] == other["validation_accuracy"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [
        ".json", ".json", ".safetensors", ".safetensors",
    ]  # fmt: skip


def test_a_finished_training_is_left_alone(uninterrupted):
    before = files(uninterrupted)
    calls = []
    best = train(tiny_job(), uninterrupted, progress=lambda *call: calls.append(call))
    assert best == uninterrupted / "best.json"
    assert files(uninterrupted) == before
    assert not calls


@pytest.mark.parametrize("left", ["best.json", "best-*.safetensors"])
def test_a_training_without_its_best_epoch_is_told_before_the_next(tmp_path, left):
    job = with_method(tiny_job(epochs=2), WATCHED["nq"](accuracies=[0.6, 0.5]))
    train(job, tmp_path)
    for path in tmp_path.glob(left):
        path.unlink()
    with pytest.raises(CheckpointError, match=r"the best epoch next to .*last.json.*cannot read"):
        train(job, tmp_path)


def test_of_a_finished_training_the_best_epoch_is_enough(uninterrupted, tmp_path):
    directory = shutil.copytree(uninterrupted, tmp_path / "run")
    last = directory / "last.json"
    (directory / checkpoint.read_info(last).weights).unlink()
    before = files(directory)
    assert train(tiny_job(epochs=4), directory) == directory / "best.json"
    assert files(directory) == before
    with pytest.raises(CheckpointError, match="another training"):
        train(tiny_job(epochs=4, seed=1), directory)
    with pytest.raises(CheckpointError, match=r"cannot read .*last"):
        train(tiny_job(epochs=5), directory)


def test_a_best_epoch_that_is_the_last_is_made_again_from_it(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "run")
    for path in (tmp_path / "run").glob("best*"):
        path.unlink()
    train(tiny_job(), tmp_path / "run")
    assert files(tmp_path / "run") == files(uninterrupted)


def test_the_best_epoch_tells_of_the_last_one_after_a_kill_in_between(monkeypatch, tmp_path):
    job = with_method(tiny_job(epochs=2), WATCHED["nq"](accuracies=[0.6, 0.5]))
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "amend", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit):
            train(job, tmp_path)
    assert len(checkpoint.read_info(tmp_path / "best.json").history) == 1
    train(job, tmp_path)
    best = checkpoint.read_info(tmp_path / "best.json")
    assert (best.epoch, len(best.history)) == (1, 2)


@pytest.mark.parametrize(
    ("accuracies", "saved_after"), [([0.6, 0.5], {2}), ([0.5, 0.6, 0.4], {1, 3})]
)
def test_the_best_epoch_is_kept_until_the_caller_saves(accuracies, saved_after, tmp_path):
    method = WATCHED["nq"](accuracies=accuracies)
    job = with_method(tiny_job(epochs=4), method)
    trainer = Trainer(job, tmp_path)
    for epoch in range(1, len(accuracies) + 1):
        trainer.run_epoch()
        if epoch in saved_after:
            trainer.save()
    best = accuracies.index(0.6)
    info, tensors = checkpoint.read(tmp_path / "best.json")
    assert (info.epoch, len(info.history)) == (best + 1, len(accuracies))
    assert all(torch.equal(tensors[n], value) for n, value in method.states[best].items())
    assert Trainer(job, tmp_path).best_epoch == best + 1


def test_an_older_best_epoch_put_back_is_refused_and_left_as_it_is(tmp_path):
    job = with_method(tiny_job(epochs=4), WATCHED["nq"](accuracies=[0.5, 0.6, 0.4]))
    trainer = Trainer(job, tmp_path / "run")
    for epoch in (1, 2, 3):
        trainer.run_epoch()
        trainer.save()
        if epoch == 1:
            shutil.copytree(tmp_path / "run", tmp_path / "backup")
    for path in (tmp_path / "backup").glob("best*"):
        shutil.copy(path, tmp_path / "run")
    before = files(tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"best.json to be of epoch 2, .* but got epoch 1"):
        Trainer(job, tmp_path / "run")
    assert files(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (lambda: tiny_job("qcfs"), "training nq.*qcfs|training qcfs.*nq"),
        (lambda: tiny_job(seed=1), "seed 1, but got 0"),
        (lambda: tiny_job(epochs=5), "recipe"),
        (lambda: tiny_job(weight_decay=0.0), "recipe"),
    ],
)
def test_a_directory_of_another_training_is_refused_and_left_alone(other, field, uninterrupted):
    before = files(uninterrupted)
    with pytest.raises(CheckpointError, match=f"of another training: expected .*({field})"):
        train(other(), uninterrupted)
    assert files(uninterrupted) == before


def test_a_training_does_not_resume_from_damaged_weights(uninterrupted, tmp_path):
    for name, data in files(uninterrupted).items():
        (tmp_path / name).write_bytes(data[:-1] if name.startswith("last-") else data)
    with pytest.raises(CheckpointError, match="truncated or edited"):
        train(tiny_job(), tmp_path)


def test_a_training_of_another_model_is_not_resumed(uninterrupted, tmp_path):
    shutil.copytree(uninterrupted, tmp_path / "run")
    job = tiny_job()
    job.own_model[3] = nn.MaxPool2d(2)
    with pytest.warns(UserWarning, match="average pool"):
        train(job, tmp_path / "run")  # the same, once it is prepared
    job = tiny_job()
    job.own_model[5].padding_mode = "circular"  # and tensors of the same names and shapes
    with pytest.raises(CheckpointError, match="expected model_sha256"):
        train(job, tmp_path / "run")
