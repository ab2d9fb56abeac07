"""Devices by name, and how tensors lie on them."""

import pytest
import torch

from resnoise.config.execution import ExecutionConfig
from resnoise.errors import ConfigError
from resnoise.utils.device import memory_format, resolve_device


def test_devices_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:0"):
        with pytest.raises(ConfigError, match=f"'{name}', but torch finds 0; use `device` cpu"):
            resolve_device(name)


def test_devices_that_are_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="'cuda:2', but torch finds 2"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["auto:1", "cpu:x", "cpu:0", "cuda:", "cuda:-1", "gpu", ""])
def test_names_that_no_device_has(name):
    with pytest.raises(ConfigError, match="to be auto, cpu, cuda or cuda:N"):
        ExecutionConfig(device=name)


def test_layouts():
    assert memory_format(ExecutionConfig(channels_last=True)) is torch.channels_last
    assert memory_format(ExecutionConfig(channels_last=False)) is torch.contiguous_format
