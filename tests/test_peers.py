"""What this package is timed against computes the same thing."""

import pandas as pd
import pytest
import torch
import typer
from networks import images, plain, source
from typer.testing import CliRunner

from benchmarks.peers.__main__ import main
from benchmarks.peers.libraries import implementations, libraries
from benchmarks.peers.measure import Settings, random_images, source_network
from benchmarks.peers.results import measure_speed
from benchmarks.peers.speed_page import speed_document
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError
from resnoise.simulation.simulator import predictions, simulate

TIMESTEPS = 6


@pytest.mark.parametrize("implementation", implementations(compiled=False), ids=lambda c: c.name)
def test_implementations_agree(implementation):
    network = source_network("resnet20")
    x = random_images(4)
    expected = simulate(convert(network), x, TIMESTEPS)
    got = implementation.build(network)(x, TIMESTEPS)
    assert got.shape == expected.shape
    # BatchNorm that is not folded rounds otherwise, and may move a spike of thousands.
    assert torch.equal(predictions(got)[-1], predictions(expected)[-1])
    assert (got.mean(0) - expected.mean(0)).abs().max() < 0.05 * expected.mean(0).abs().max()


@pytest.mark.parametrize("implementation", implementations(compiled=False), ids=lambda c: c.name)
def test_implementations_compute_the_same_spikes(implementation):
    """In double precision rounding moves nothing."""
    network = source(plain()).double()
    x = images(5, 2, 4, 4).double()
    simulation = implementation.build(network)
    expected = simulate(convert(network), x, TIMESTEPS)
    for _ in range(2):  # nothing stays from one simulation to the next
        assert torch.allclose(simulation(x, TIMESTEPS), expected, atol=1e-9)


def test_the_tables(tmp_path):
    out = tmp_path / "speed"
    app = typer.Typer()
    app.command()(main)
    command = ["--quick", "--out", str(out), "--part"]
    for parts in (["simulation", "--part", "memory"], ["image"]):
        result = CliRunner().invoke(app, [*command, *parts])
        assert result.exit_code == 0, result.output
    text = (out / "speed.md").read_text()
    for heading in ("4 images, T = 2", "One image, T = 4", "Peak memory"):
        assert f"## {heading}" in text
    for implementation in implementations(compiled=False):
        assert text.count(f"| {implementation.name} |") == 2


def test_versions_are_those_of_every_library_that_was_a_implementation(tmp_path, monkeypatch):
    settings = Settings(("resnet20",), (), batch=3, timesteps=2, repeats=1, compiled=False)
    document = measure_speed(tmp_path, ["image"], settings, lambda text: None)
    installed = libraries()
    assert {"torch", "norse", "snntorch", "spikingjelly"} <= set(installed)
    monkeypatch.setattr("benchmarks.peers.speed_page.libraries", lambda: [*installed, "newer"])
    (frame,) = (pd.read_csv(path) for path in tmp_path.glob("*.csv"))
    assert speed_document({"image": frame}) == document.read_text()


def test_a_part_says_what_batch_it_was_measured_at(tmp_path):
    settings = Settings(("resnet20",), (), batch=3, timesteps=2, repeats=1, compiled=False)
    measure_speed(tmp_path, ["simulation", "image"], settings, lambda text: None)
    batches = {part: pd.read_csv(tmp_path / f"{part}.csv") for part in ("simulation", "image")}
    assert set(batches["simulation"].batch) == {3}
    assert set(batches["image"].batch) == {1}
    assert set(batches["image"].repeats) == {5}


def test_a_part_with_nothing_to_measure_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.peers.measure.backends.available", list)
    said = []
    document = measure_speed(tmp_path, ["direct"], Settings(), said.append)
    assert said == ["direct: nothing to measure, for want of a library"]
    assert not document.exists()
    assert list(tmp_path.glob("*.csv")) == []


def test_unknown_parts_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="simulation, image, memory, training, direct"):
        measure_speed(tmp_path, ["speed"], Settings(), print)
