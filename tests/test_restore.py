"""A trained network from its checkpoint alone."""

from pathlib import Path

import pytest
import torch
from tiny_job import tiny_job

import resnoise
from resnoise.datasets import DataOptions
from resnoise.errors import CheckpointError
from resnoise.training import checkpoint
from resnoise.training.loading import job_of
from resnoise.training.run_folders import train_in


def test_it_is_the_network_that_the_job_gives():
    path = Path(__file__).parents[1] / "results/check/digits/best.json"
    info, network = resnoise.restore(path)
    assert info == checkpoint.read_info(path)
    assert not network.training
    job = job_of(path, DataOptions("digits"))
    images, _ = job.data.test.batch(range(20))
    assert torch.equal(network(images), job.load(path)(images))


def test_an_own_model_is_refused(tmp_path):
    best = train_in(tmp_path, tiny_job(epochs=1))
    with pytest.raises(CheckpointError, match="a model of your own, 'tiny'"):
        resnoise.restore(best)
    with pytest.raises(CheckpointError, match="a model of your own, 'tiny'"):
        job_of(best, DataOptions("digits"))
