"""What a folder of records is to hold: a reference, one recipe a training, the same images."""

from __future__ import annotations

from resnoise import methods
from resnoise.analysis.significance import Reference
from resnoise.compare.plan import Plan
from resnoise.config.nested import differences
from resnoise.errors import ConfigError, RecordError
from resnoise.records.store import RecordStore
from resnoise.report.comparisons import usual_reference


def default_reference(store: RecordStore, plan: Plan) -> Reference:
    """The usual one of what the store has and of what the plan adds."""
    recorded = (record.method for record in store.load() if record.dataset == plan.data.dataset)
    return usual_reference([*recorded, *plan.methods])


def require_reference(store: RecordStore, plan: Plan, reference: Reference) -> None:
    """Find out before any training whether there will be something to test against.

    Raises:
        ConfigError: the plan has no row of the reference, and the store no record of it.
    """
    planned = {
        Reference(name, methods.get(name).levels(recipe)) for name, recipe in plan.recipes.items()
    }
    recorded = {
        Reference(record.method, record.levels)
        for record in store.load()
        if record.dataset == plan.data.dataset
    }
    if not any(row in reference for row in planned | recorded):
        compared = ", ".join(sorted(map(str, planned | recorded)))
        raise ConfigError(
            f"expected `reference` to be one of the methods that are compared ({compared}), but "
            f"got {reference}"
        )


def require_same_recipes(store: RecordStore, plan: Plan) -> None:
    """A training is of one recipe, whatever seeds, T and backends it is evaluated at.

    A method that trains a network for each T may give each a recipe of its own.

    Raises:
        RecordError: the store has records of a training of the plan, by another recipe.
    """
    trained = {cell.training.name for cell in plan.cells()}
    for record in store.load():
        recipe = plan.recipes.get(record.method)
        elsewhere = (
            record.dataset != plan.data.dataset or record.architecture not in plan.architectures
        )
        if recipe is None or elsewhere or record.training not in trained:
            continue
        if record.levels != methods.get(record.method).levels(recipe):
            continue  # a row of its own
        if changed := differences(recipe.to_json(), record.recipe):
            name, (now, before) = next(iter(changed.items()))
            raise RecordError(
                f"{store.path} holds {record.method} of another recipe: {name} is "
                f"{before}, now {now}; use another `out`"
            )


def require_same_data(store: RecordStore, plan: Plan) -> None:
    """A data set of the same name may have other images by now, or be asked for in another size.

    Raises:
        RecordError: records of the store are of other images than the plan's.
    """
    made_of = {r.data_sha256 for r in store.load() if r.dataset == plan.data.dataset}
    if not made_of:
        return
    now = plan.load(next(plan.cells())).sha256
    if others := sorted(made_of - {now}):
        raise RecordError(
            f"{store.path} was made of other images of {plan.data.dataset}: their SHA-256 was "
            f"{others[0]}, now it is {now}; use another `out`"
        )
