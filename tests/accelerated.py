"""The path of a training on an accelerator, on a CPU."""

from __future__ import annotations

import pytest

from resnoise.utils import device as devices


@pytest.fixture
def accelerated(monkeypatch):
    """Every device is taken for an accelerator: all but the capture itself is what a GPU does."""
    monkeypatch.setattr(devices, "is_accelerator", lambda device: True)
