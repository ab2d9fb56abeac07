"""What was measured, in one line, and where compared networks were not trained alike."""

from __future__ import annotations

from resnoise.analysis.recipes import conditions, unequal_recipes
from tests.comparisons import record

SHARED = {"epochs": 60, "learning_rate": 0.05, "augmentation": ["crop", "flip"]}
FROM_DATA = {"activation": {"threshold": "data"}}
ON = "Unequal recipes on digits, smallnet"


def trained(method, **changes):
    """A record of 60 epochs; `recipe` adds to what all share."""
    recipe = SHARED | FROM_DATA | changes.pop("recipe", {})
    return record(method, 270, **{"epochs": 60, **changes, "recipe": recipe})


def test_a_line_has_recipe_data_network_and_seeds():
    records = [trained(name, seed=seed) for name in ("nq", "qcfs") for seed in (0, 1)]
    assert str(conditions(records)) == (
        "digits, smallnet · L = 4 · 60 epochs · learning rate 0.05 · crop and flip · "
        "start: λ from the data · 2 seeds (0 and 1)"
    )
    assert unequal_recipes(records) == []


def test_what_differs_is_told_as_such():
    records = [
        trained("nq", levels=2),
        trained("nq", levels=4, seed=1),
        trained("qcfs", levels=4, recipe={"activation": {"threshold": 8.0}, "learning_rate": 0.1}),
        trained("direct", levels=None, epochs=27, timesteps=2, recipe={"augmentation": []}),
        trained("direct", levels=None, epochs=30, training="other", seed=7, timesteps=4),
    ]
    assert conditions(records).details == (
        "L = 2 and 4",
        "27, 30 and 60 epochs",
        "learning rate 0.05 and 0.1",
        "unequal augmentation",
        "unequal starts",
        "1 seed (0, 1 and 7)",
    )
    assert unequal_recipes(records) == [
        f"{ON}, epochs: 60 for nq and qcfs, 27 for direct at T = 2, 30 for direct at T = 4.",
        f"{ON}, learning rate: 0.05 for nq and direct, 0.1 for qcfs.",
        f"{ON}, augmentation: crop and flip for nq, qcfs and direct at T = 4, no augmentation for "
        "direct at T = 2.",
        f"{ON}, start: λ from the data for nq, λ = 8 for qcfs.",
        f"{ON}, L: 2 and 4 for nq, 4 for qcfs.",
    ]


def test_a_start_from_another_training_is_named():
    extensions = {"start_from": "qcfs", "start_epochs": 50, "start_learning_rate": 0.1}
    tuned = trained("tuned", recipe={"extensions": extensions})
    assert "start: 50 epochs of qcfs at 0.1" in conditions([tuned]).details
    assert unequal_recipes([tuned, trained("nq")]) == [
        f"{ON}, start: 50 epochs of qcfs at 0.1 for tuned, λ from the data for nq."
    ]


def test_settings_of_noise_are_compared_within_a_method_alone():
    two, four = ({"induction": {"timesteps": steps}} for steps in (2, 4))
    assert unequal_recipes([trained("nq", recipe=two), trained("qcfs", recipe=four)]) == []
    own = [
        trained("nq", recipe=recipe, training=f"nq-{steps}", timesteps=steps)
        for recipe, steps in ((two, 2), (four, 4))
    ]
    assert unequal_recipes(own) == [
        f"{ON}, induction.timesteps: 2 for nq at T = 2, 4 for nq at T = 4."
    ]


def test_data_sets_and_networks_are_not_compared_with_each_other():
    elsewhere = trained("qcfs", dataset="cifar10", recipe={"learning_rate": 0.2})
    assert unequal_recipes([trained("nq"), elsewhere]) == []


def test_many_methods_are_counted():
    records = [trained(f"method-{number}") for number in range(9)]
    (said,) = unequal_recipes([*records, trained("other", epochs=30)])
    assert said == f"{ON}, epochs: 60 for 9 methods, 30 for other."


def test_what_a_record_does_not_tell_is_left_out():
    bare = record("nq", 270, recipe={}, levels=None)
    assert conditions([bare]).details == ("30 epochs", "1 seed (0)")
    assert unequal_recipes([bare, trained("qcfs", epochs=30)]) == []
