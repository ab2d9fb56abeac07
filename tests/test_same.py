"""What may be added to a folder of records."""

from __future__ import annotations

import pytest

from resnoise.compare.consistency import require_same_recipes
from resnoise.compare.plan import Plan
from resnoise.config.recipe import Recipe
from resnoise.datasets import DataOptions
from resnoise.errors import RecordError
from resnoise.records.store import RecordStore
from tests.comparisons import store
from tests.made_up import make_record


def test_a_network_for_another_t_may_have_a_recipe_of_its_own(tmp_path):
    pytest.importorskip("norse")
    before = make_record(
        method="direct",
        training="direct-ce-norse-T2",
        levels=None,
        architecture="digits-cnn",
        recipe=Recipe(epochs=3).to_json(),
    )
    records = RecordStore(store(tmp_path, [before]))

    def plan(*timesteps):
        recipes = {"direct": Recipe(epochs=5)}
        return Plan(DataOptions("digits"), recipes, ("norse",), ("digits-cnn",), timesteps)

    require_same_recipes(records, plan(4))
    with pytest.raises(RecordError, match="epochs is 3, now 5; use another `out`"):
        require_same_recipes(records, plan(2, 4))
