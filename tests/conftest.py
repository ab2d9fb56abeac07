"""What all tests share."""

import shutil
from pathlib import Path

import pytest
import torch

from resnoise.evaluation import costs
from tests.comparisons import three_folds

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def one_thread():
    """Each test starts with one thread, whatever the one before it, or an example, has set.

    On small tensors two threads gain nothing, and where other processes keep the cores busy they
    wait for each other twenty times longer than they work.
    """
    torch.set_num_threads(1)


def pytest_configure():
    torch.set_num_threads(1)  # for fixtures of a wider scope, too


@pytest.fixture
def folds():
    """Records of four methods on three folds, see `tests.comparisons.three_folds`."""
    return three_folds()


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """Directory of an NQ training that nobody disturbed."""
    from tiny_job import tiny_job

    from resnoise.training.trainer import train

    directory = tmp_path_factory.mktemp("uninterrupted")
    train(tiny_job(), directory)
    return directory


@pytest.fixture(scope="session", autouse=True)
def one_repeat():
    """Latencies are taken once: no test asserts how long a simulation takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "REPEATS", 1)
        patch.setattr(costs, "WARMUP", 0)
        yield


@pytest.fixture
def tree(tmp_path):
    """A copy of the package as a commit from before the gate has it: without `resnoise.check`."""
    ignored = shutil.ignore_patterns("__pycache__", "check")
    for package in ("resnoise", "baselines"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path
