"""Every check of the settings, and that its message names what was expected and what was got."""

import dataclasses
import json
import math
import re

import pytest

from resnoise.config.checks import require_timesteps
from resnoise.config.execution import ExecutionConfig
from resnoise.config.nested import canonical
from resnoise.config.recipe import (
    AUGMENTATIONS,
    ActivationConfig,
    Extensions,
    InductionConfig,
    Recipe,
)
from resnoise.errors import ConfigError, ResnoiseError

NOT_POSITIVE_INTEGERS = [0, -1, 1.0, "4", None, True]


@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
@pytest.mark.parametrize(
    ("config", "name"),
    [
        (ActivationConfig, "levels"),
        (InductionConfig, "timesteps"),
        (Recipe, "epochs"),
        (Recipe, "batch_size"),
    ],
)
def test_positive_integers(config, name, value):
    message = f"expected argument `{name}` to be an integer larger than 0, but got {value!r}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        config(**{name: value})
    assert getattr(config(**{name: 1}), name) == 1


@pytest.mark.parametrize("value", [0, -0.5, math.nan, math.inf, "0.1", None, True])
@pytest.mark.parametrize(
    ("config", "name"), [(Recipe, "learning_rate"), (ActivationConfig, "threshold")]
)
def test_positive_numbers(config, name, value):
    also = ', or "data"' if name == "threshold" else ""
    message = f"expected argument `{name}` to be a number larger than 0{also}, but got {value!r}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        config(**{name: value})
    assert getattr(config(**{name: 0.1}), name) == 0.1


@pytest.mark.parametrize("value", [-0.5, math.nan, math.inf, "0", None, False])
@pytest.mark.parametrize("name", ["momentum", "weight_decay", "warmup_epochs"])
def test_numbers_not_negative(name, value):
    message = f"expected argument `{name}` to be a number not negative, but got {value!r}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        Recipe(**{name: value})
    assert getattr(Recipe(**{name: 0}), name) == 0


def test_threshold_from_data():
    assert ActivationConfig(threshold="data").threshold == "data"
    with pytest.raises(ConfigError, match=r"`threshold`.*but got 'date'"):
        ActivationConfig(threshold="date")


def test_equal_recipes_are_one_whatever_their_numbers_are_written_as():
    whole = Recipe(learning_rate=1, activation=ActivationConfig(threshold=8))
    decimal = Recipe(learning_rate=1.0, activation=ActivationConfig(threshold=8.0))
    assert canonical(whole.to_json()) == canonical(decimal.to_json())
    assert Recipe(augmentation=("flip", "crop", "flip")) == Recipe(augmentation=("crop", "flip"))


def test_augmentations():
    assert Recipe(augmentation=AUGMENTATIONS).augmentation == AUGMENTATIONS
    with pytest.raises(ConfigError, match="unknown augmentation 'mixup'; known: crop, flip, auto"):
        Recipe(augmentation=("crop", "mixup"))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices(device):
    assert ExecutionConfig(device=device).device == device


@pytest.mark.parametrize("device", ["tpu", "", "mps:0"])
def test_other_devices(device):
    with pytest.raises(
        ConfigError, match=f"`device` to be auto, cpu, cuda or cuda:N, but got {device!r}"
    ):
        ExecutionConfig(device=device)


@pytest.mark.parametrize("workers", [-1])
def test_workers(workers):
    with pytest.raises(ConfigError, match=f"`workers` to be not negative, but got {workers}"):
        ExecutionConfig(workers=workers)


def test_timesteps():
    require_timesteps("timesteps", (1, 4))
    with pytest.raises(ConfigError, match="`timesteps` to hold at least one T"):
        require_timesteps("timesteps", ())
    with pytest.raises(ConfigError, match=r"`timesteps`.*but got 0"):
        require_timesteps("timesteps", (4, 0))
    with pytest.raises(ConfigError, match=r"each number once, but got \[4, 1, 4\]"):
        require_timesteps("timesteps", (4, 1, 4))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold_weight_decay", 1, "to be True or False, but got 1"),
        ("compensate", "yes", "to be True or False, but got 'yes'"),
        ("start_from", None, "to be the name of a method, or empty, but got None"),
        ("start_epochs", -1, "to be an integer larger than 0, but got -1"),
        ("start_learning_rate", -1, "to be a number not negative, but got -1"),
        ("ramp", -1, "to be a number not negative and at most 1, but got -1"),
        ("ramp", 1.5, "to be a number not negative and at most 1, but got 1.5"),
        ("averaging", 1.0, "to be a number not negative and smaller than 1, but got 1.0"),
        ("averaging", -0.1, "to be a number not negative and smaller than 1, but got -0.1"),
        ("residual", "global", "to be one of end-to-end, local, but got 'global'"),
        (
            "distribution",
            "cauchy",
            "to be one of gaussian, measured, conditional, but got 'cauchy'",
        ),
    ],
)
def test_extensions(name, value, message):
    with pytest.raises(ConfigError, match=re.escape(f"expected argument `{name}` {message}")):
        Extensions(**{name: value})


@pytest.mark.parametrize("name", ["start_epochs", "start_learning_rate"])
def test_a_setting_of_the_start_needs_one(name):
    with pytest.raises(ConfigError, match=f"`start_from` to name a method where `{name}` is 3"):
        Extensions(**{name: 3})


@pytest.mark.parametrize("other", [{"compensate": True}, {"averaging": 0.5}])
def test_what_does_not_go_with_a_conditional_distribution(other):
    with pytest.raises(ConfigError, match="expected `compensate` to be False and `averaging`"):
        Extensions(distribution="conditional", **other)


def test_extensions_are_off_at_first_and_named_when_on():
    assert Extensions().switched_on() == {}
    on = {"threshold_weight_decay": False, "averaging": 0.5}
    assert Extensions(**on).switched_on() == on


def test_settings_are_frozen():
    settings = (ActivationConfig(), InductionConfig(), Recipe(), ExecutionConfig(), Extensions())
    for config in settings:
        name = dataclasses.fields(config)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, name, 1)


def test_errors_are_caught_as_one():
    with pytest.raises(ResnoiseError):
        Recipe(epochs=0)
    with pytest.raises(ValueError, match="epochs"):
        Recipe(epochs=0)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(
            epochs=3,
            warmup_epochs=0.5,
            augmentation=("flip", "crop"),
            activation=ActivationConfig(levels=8, threshold=2.0),
            induction=InductionConfig(timesteps=2),
        ),
        Recipe(
            extensions=Extensions(
                threshold_weight_decay=False,
                start_from="qcfs",
                start_epochs=5,
                start_learning_rate=0.25,
                ramp=0.25,
                averaging=0.75,
                residual="local",
                distribution="measured",
                compensate=True,
            )
        ),
        Recipe(extensions=Extensions(compensate=True)),
    ],
)
def test_a_recipe_survives_json(recipe):
    values = recipe.to_json()
    assert json.loads(json.dumps(values)) == values
    assert Recipe.from_json(values) == recipe


def test_a_recipe_without_extensions_is_written_as_before_there_were_any():
    assert "extensions" not in Recipe().to_json()
    values = Recipe(extensions=Extensions(averaging=0.5)).to_json()
    assert values == {**Recipe().to_json(), "extensions": {"averaging": 0.5}}
