"""Whether the figures that share a row are of one recipe, and of one network a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from resnoise.canonical import canonical
from resnoise.difference import ABSENT, flat
from resnoise.records import Record, RecordKey
from resnoise.report.groups import with_levels, with_training


def mixed_recipes(records: Iterable[Record]) -> list[str]:
    """A warning for each training that seeds or data sets share a name of, but not the recipe."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        name = with_levels(with_training(record.method, record.training), record.levels)
        place = f"{name} on {record.dataset}, {record.architecture}"
        found[place].add(canonical(record.recipe))
    return [
        f"{place} was trained by {len(recipes)} recipes: its figures are not of one method."
        for place, recipes in found.items()
        if len(recipes) > 1
    ]


def mixed_networks(records: Iterable[Record]) -> list[str]:
    """A warning for each training that has several networks of one seed; stores refuse them now."""
    found: dict[RecordKey, set[str]] = defaultdict(set)
    for record in records:
        found[record.key.network].add(record.checkpoint_sha256)
    return [
        f"{with_levels(network.training, network.levels)} on {network.dataset}, "
        f"{network.architecture}, seed {network.seed} is {len(weights)} networks: its row mixes "
        "them."
        for network, weights in found.items()
        if len(weights) > 1
    ]


def own_recipes(records: Iterable[Record]) -> list[str]:
    """Where a method trains a network for each T, how the recipes of these networks differ."""
    rows: dict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    for record in records:
        row = with_levels(record.method, record.levels)
        rows[row][record.training] = flat(record.recipe)
    return [
        f"The networks of {row} differ in their recipe: {sentence}."
        for row, recipes in rows.items()
        for sentence in _differences(recipes)
    ]


def _differences(recipes: dict[str, dict[str, object]]) -> Iterator[str]:
    for name in dict.fromkeys(name for recipe in recipes.values() for name in recipe):
        trainings: dict[str, list[str]] = defaultdict(list)
        for training, recipe in recipes.items():
            trainings[str(recipe.get(name, ABSENT))].append(training)
        if len(trainings) > 1:
            values = "; ".join(f"{value} for {', '.join(of)}" for value, of in trainings.items())
            yield f"{name} is {values}"
