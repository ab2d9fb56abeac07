"""One training in two processes is that of one, and one that dies ends the other."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from tiny_job import tiny_job
from torch import nn

from resnoise.training import checkpoint
from resnoise.training.trainer import train

HERE = Path(__file__).parent


def ranks(script, *, count=2):
    """The processes that `torchrun` would start, each with `script`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = f"""
        import sys
        sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
        import torch
        torch.set_num_threads(1)
        from pathlib import Path
        from resnoise.utils.ranks import group, rank
        from resnoise.training.run_folders import train_in
        from resnoise.errors import ResnoiseError
        from tiny_job import tiny_job
        from torch import nn
    """
    code = textwrap.dedent(head) + textwrap.dedent(script)
    common = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count),
    }  # fmt: skip
    return [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=common | {"RANK": str(i), "LOCAL_RANK": str(i)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(count)
    ]


def finished(processes):
    """What each said, now that all are done without an error."""
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert not any(process.returncode for process in processes), said
    return said


def quiet(method, **recipe):
    """A job without dropout, whose draws are each process's own."""
    job = tiny_job(method, **recipe)
    job.own_model[4] = nn.Identity()
    return job


TRAIN = """
    job = tiny_job({method!r}, epochs=2)
    job.own_model[4] = nn.Identity()
    with group(torch.device("cpu")):
        train_in(Path({runs!r}), job)
"""


@pytest.mark.parametrize("method", ["qcfs", "nq"])
def test_two_processes_train_the_network_of_one(method, tmp_path):
    said = finished(ranks(TRAIN.format(method=method, runs=str(tmp_path / "runs"))))
    assert not any("deprecated" in text for text in said)
    (path,) = (tmp_path / "runs").rglob("last.json")
    info, tensors = checkpoint.read(path)
    train(quiet(method, epochs=2), tmp_path / "one")
    expected_info, expected = checkpoint.read(tmp_path / "one" / "last.json")
    # The first epoch has no noise, so σ after it is that of one process.
    first, wanted = info.history[0], expected_info.history[0]
    assert first["train_loss"] == pytest.approx(wanted["train_loss"], rel=1e-4)
    assert first["validation_accuracy"] == wanted["validation_accuracy"]
    for name, layer in wanted["layers"].items():
        assert first["layers"][name] == pytest.approx(layer, rel=1e-3, abs=1e-6)
    close = all(torch.allclose(tensors[n], x, rtol=1e-3, atol=1e-5) for n, x in expected.items())
    assert close is (method == "qcfs")  # and the noise of each is its own


DIRECT = """
    import dataclasses
    from resnoise_baselines.direct import Direct, Spec
    job = tiny_job("qcfs", epochs=1, batch_size=24)  # and one batch of 22 to validate on
    job.own_model[4] = nn.Identity()
    job = dataclasses.replace(job, method=Direct(), training=Spec("reference", 2).name)
    with group(torch.device("cpu")):
        train_in(Path({runs!r}), job)
"""


def test_two_processes_train_a_spiking_network_and_one_has_none_to_validate(tmp_path):
    found = []
    for count in (2, 1):
        runs = tmp_path / str(count)
        said = finished(ranks(DIRECT.format(runs=str(runs)), count=count))
        assert not any(said), said
        (path,) = runs.rglob("last.json")
        found.append(checkpoint.read(path))
    (info, tensors), (expected_info, expected) = found
    (row,), (wanted,) = info.history, expected_info.history
    assert row["train_loss"] == pytest.approx(wanted["train_loss"], rel=1e-4)
    assert row["validation_accuracy"] == wanted["validation_accuracy"]
    assert all(torch.allclose(tensors[n], x, rtol=1e-3, atol=1e-5) for n, x in expected.items())


BATCH_NORM = """
    from resnoise.training.data_parallel import loss_of_shares, share_of
    norm = nn.BatchNorm2d(3)
    with group(torch.device("cpu")):
        loss_of_shares(norm, None)
        x = share_of(torch.load({images!r})).requires_grad_()
        y = norm(x)
        y.float().pow(3).sum().backward()
        found = y.detach(), x.grad, norm.running_mean, norm.running_var
        torch.save(found, f"{images}.{{rank()}}")
"""


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_batch_norm_of_shares_is_that_of_the_batch_in_any_precision(dtype, tmp_path):
    images = tmp_path / "images.pt"
    x = torch.randn(8, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 + 1
    torch.save(x.to(dtype), images)
    finished(ranks(BATCH_NORM.format(images=str(images))))
    norm, x = nn.BatchNorm2d(3), x.to(dtype).requires_grad_()
    y = norm(x)
    y.float().pow(3).sum().backward()
    shares = [torch.load(f"{images}.{rank}") for rank in (0, 1)]
    for _, _, mean, variance in shares:
        torch.testing.assert_close((mean, variance), (norm.running_mean, norm.running_var))
    torch.testing.assert_close(torch.cat([share[0] for share in shares]), y)
    torch.testing.assert_close(torch.cat([share[1] for share in shares]), x.grad)


def test_one_that_dies_ends_the_other_with_one_line(tmp_path):
    script = f"""
        import os
        from resnoise.cli import main
        from resnoise.training.trainer import Trainer
        save = Trainer.save
        def save_and_die(trainer):
            save(trainer)
            if rank() == 0: os._exit(9)
        Trainer.save = save_and_die
        sys.argv = ["resnoise", "train", "--dataset", "digits", "--method", "qcfs", "--device",
                    "cpu", "--epochs", "999", "--threads", "1", "--runs", {str(tmp_path)!r}]
        main()
    """
    first, second = ranks(script)
    _, said = second.communicate(timeout=120)
    first.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (9, 1), said
    assert said.startswith("error: another process of this training ended (")
    assert said.endswith("; the same command resumes it\n")
    assert said.count("\n") == 1
    assert len(list(tmp_path.rglob("last.json"))) == 1
