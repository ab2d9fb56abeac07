"""What a folder of records is tested against, and what may be added to it."""

from __future__ import annotations

import pytest

from resnoise.compare.consistency import default_reference, require_same_recipes
from resnoise.compare.plan import Plan
from resnoise.config.recipe import Recipe
from resnoise.datasets import DataOptions
from resnoise.errors import RecordError
from resnoise.records.store import RecordStore
from resnoise.report.comparisons import comparison_of
from tests.comparisons import record, store
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


@pytest.mark.parametrize(
    ("recorded", "planned", "reference"),
    [("cos,nq", "qcfs", "nq"), ("cos,qcfs", "qcfs,srp", "cos"), ("", "srp,nq", "nq")],
)
def test_a_folder_is_tested_against_one_reference(tmp_path, recorded, planned, reference):
    """By the comparison that fills it and by what reads it later."""
    records = [record(name, 9) for name in recorded.split(",") if name]
    plan = Plan(
        DataOptions("digits"), dict.fromkeys(planned.split(","), Recipe()),
        ("reference",), ("digits-cnn",), (1,),
    )  # fmt: skip
    found = default_reference(RecordStore(store(tmp_path, records)), plan)
    assert str(found) == reference
    if records:
        assert comparison_of(tmp_path).reference == found
