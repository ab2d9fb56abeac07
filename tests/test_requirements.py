"""What methods ask of the hardware and of the moment, and the division that follows."""

from __future__ import annotations

import pytest

from resnoise import methods
from resnoise.config.requirements import Requirements
from resnoise.errors import ConfigError


@pytest.mark.parametrize(
    ("change", "division"),
    [
        ({}, "plain"),
        ({"neuron": "leaky integrate-and-fire"}, "plain"),
        ({"neuron": "signed integrate-and-fire"}, "open"),
        ({"spike_levels": 2}, "open"),
        ({"calibration_images": 100}, "open"),
        ({"looks_at_test_image": True}, "open"),
        ({"calibration_steps": 4, "looks_at_test_image": True}, "open"),
    ],
)
def test_the_division_follows(change, division):
    assert Requirements(**change).division == division


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calibration_steps": 4}, "expected `looks_at_test_image` to be true .* got 4 steps"),
        ({"calibration_steps": -1}, "`calibration_steps`.*but got -1"),
        ({"calibration_images": 0.5}, "`calibration_images`.*but got 0.5"),
        ({"spike_levels": 0}, "`spike_levels`.*but got 0"),
        ({"state_values": 0}, "`state_values`.*but got 0"),
    ],
)
def test_requirements_are_checked(change, message):
    with pytest.raises(ConfigError, match=message):
        Requirements(**change)


def test_every_method_declares_its_own():
    divisions = {name: methods.get(name).requirements.division for name in methods.names()}
    trained = {"nq", "noise-adaptor", "qcfs"}
    plain = {"direct", *trained, *(f"{name}-plus" for name in trained)}
    assert {name for name, division in divisions.items() if division == "plain"} == plain
    assert methods.get("srp").requirements.calibration_steps == 4
