"""Devices that cannot do what they are asked for, each told in one line."""

import contextlib
from types import SimpleNamespace

import pytest
import torch
from tiny_job import tiny_job

from resnoise.errors import ConfigError, TrainingError
from resnoise.training import memory
from resnoise.training.memory import explaining_short_memory, largest_batch
from resnoise.utils.device import has_bfloat16, require_bfloat16, resolve_device

CUDA = torch.device("cuda")


def test_a_driver_that_is_older_than_the_build(monkeypatch):
    said = "The NVIDIA driver on your system is too old (found version 11040).\nUpdate it."

    def init():
        raise RuntimeError(said)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(ConfigError, match=r"torch finds 0; use `device` cpu; torch says: .* 11040"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ConfigError, match="this one is for CPUs"):
        resolve_device("cuda")


def test_a_card_without_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla P100")
    has = {}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has[0])
    has[0] = False
    with pytest.raises(ConfigError, match=r"a GPU with bfloat16, .* but got Tesla P100; leave out"):
        require_bfloat16(CUDA)
    assert not has_bfloat16(CUDA)  # which the doctor tells
    has[0] = True
    require_bfloat16(CUDA)


@pytest.mark.parametrize(
    ("an_image", "free", "advice"),
    [
        (10 * 2**30, 100 * 2**30, "one of 8 would fit"),
        (2**30, 20 * 2**30, "other programs hold 78 of its 100 GiB: run fewer at once"),
        (2**30, 95 * 2**30, "one of 15 would fit"),  # alone, so the estimate is wrong
    ],
)
def test_memory_that_is_too_small_says_what_to_do(monkeypatch, an_image, free, advice):
    step = SimpleNamespace(device=CUDA)
    properties = SimpleNamespace(total_memory=100 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2 * 2**30)
    monkeypatch.setattr(memory, "free_bytes", lambda device: free)
    monkeypatch.setattr(
        memory, "_peak_bytes", lambda step, job, images: 10 * 2**30 + an_image * images
    )
    with (
        pytest.raises(TrainingError, match=f"cuda is too small for a batch of 16 images; {advice}"),
        explaining_short_memory(step, tiny_job()),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nand so on")


def test_a_network_that_is_too_large_itself():
    def peak(images):
        raise torch.OutOfMemoryError

    assert largest_batch(peak, 256, 1000) == 0
    assert largest_batch(lambda images: 5000, 256, 1000) == 0


def test_each_process_of_torchrun_has_its_own_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert resolve_device("auto") == torch.device("cuda:1")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match="'cuda:2', but torch finds 2"):
        resolve_device("cuda")
