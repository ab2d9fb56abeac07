"""The file of a large network is run by its library alone, in a process of its own."""

import torch
from torch import nn

import resnoise
from benchmarks.pretrained import chip
from resnoise.export import writer
from resnoise.export.exported import Exported
from tests.eighths import grid_network


def test_the_script_is_run_in_a_process_without_this_package(tmp_path, monkeypatch):
    monkeypatch.setattr(chip, "SIZE", 6)
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)]
    source = grid_network(nn.Sequential(*layers))
    exported = Exported(resnoise.convert(source), source, chip._rule(["a", "b", "c"]))
    _, script = writer("norse")(exported, tmp_path / "small-net.safetensors")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (7, 3, 6, 6), generator=generator)
    images = (pixels - chip.MIDDLE) / chip.SCALE
    logits, measured = chip._alone(script, images, 3)
    assert torch.equal(logits, resnoise.simulate(exported.network, images, 3))
    assert measured["seconds"] > 0
    assert measured["peak_mib"] > 1
