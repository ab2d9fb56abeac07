"""Where trainings keep their checkpoints: one process at a time, and the way back to the job."""

from __future__ import annotations

import fcntl
import os

import pytest
import torch
from tiny_job import tiny_job

from resnoise.config.recipe import Extensions
from resnoise.training import checkpoint, run_folders
from resnoise.training.run_folders import run_directory, train_in
from resnoise.training.trainer import train


def test_a_training_and_the_one_before_it_are_each_alone_in_their_folder(monkeypatch, tmp_path):
    alone = []

    def train_and_try_the_lock(job, directory, *arguments, **options):
        descriptor = os.open(directory / "training", os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
        alone.append(job.training)
        return train(job, directory, *arguments, **options)

    monkeypatch.setattr(run_folders, "train", train_and_try_the_lock)
    job = tiny_job(epochs=1, extensions=Extensions(start_from="qcfs"))
    train_in(tmp_path, job)
    assert alone == ["qcfs", "nq"]


def test_the_last_epoch_can_be_loaded_like_the_best(tmp_path):
    job = tiny_job(epochs=1)
    best = train_in(tmp_path, job)
    last = run_directory(tmp_path, job) / "last.json"
    assert len(checkpoint.read(last)[1]) > len(checkpoint.read(best)[1])  # momenta too
    weights = job.load(best).state_dict()
    for name, tensor in job.load(last).state_dict().items():
        assert torch.equal(tensor, weights[name])
