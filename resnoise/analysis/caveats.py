"""What a reader must know to judge the numbers: mixed recipes, networks, code or tests missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from resnoise.analysis.recipes import unequal_recipes
from resnoise.analysis.rows import with_levels, with_training
from resnoise.analysis.significance import Reference
from resnoise.config.nested import canonical
from resnoise.records.provenance import commits
from resnoise.records.record import Record, RecordKey
from resnoise.utils.text import spoken


def warnings(records: Sequence[Record], reference: Reference) -> list[str]:
    """What keeps these records from being one clean comparison."""
    found = []
    states = commits(records)
    if len(states) > 1:
        found.append(
            f"The records come from {len(states)} states of the code ({', '.join(states)}); "
            "differences between rows may be differences between these."
        )
    if any(record.git_dirty for record in records):
        found.append(
            "Some records were made with uncommitted changes (dirty): no commit reproduces them."
        )
    found += unequal_recipes(records)
    found += _other_levels(records, reference)
    found += mixed_recipes(records)
    found += mixed_networks(records)
    places = dict.fromkeys(
        f"{record.machine}, {record.device}, {record.threads} threads" for record in records
    )
    if len(places) > 1:
        found.append(
            f"Latencies were measured in {len(places)} places ({'; '.join(places)}); compare R(T), "
            "not milliseconds, across them."
        )
    return found + _untested(records, reference)


def _other_levels(records: Iterable[Record], reference: Reference) -> list[str]:
    others = {record.levels for record in records} - {None, reference.levels}
    if reference.levels is None or not others:
        return []
    shown = spoken(sorted(others))
    return [
        f"Every row is tested against {reference}: those with L = {shown} differ in L from it, not "
        "in the method alone."
    ]


def _untested(records: Sequence[Record], reference: Reference) -> list[str]:
    """Where nothing can be tested, as tests are between rows of one section and backend."""
    places: dict[str, bool] = {}
    for record in records:
        place = f"{record.dataset}, {record.architecture} on {record.backend}"
        places[place] = places.get(place, False) or record in reference
    lacking = [place for place, there in places.items() if not there]
    if len(lacking) == len(places):
        return [f"There is no record of {reference}, so nothing is tested against it."]
    return [
        f"There is no record of {reference} of {place}, so no row there is tested."
        for place in lacking
    ]


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
