"""What a comparison says of the trainings behind it."""

from __future__ import annotations

from resnoise.report.provenance_tables import trained_on, trainings_table
from resnoise.report.writer import write_report
from tests.comparisons import NQ, record, store
from tests.made_up import make_record

BEGUN = {
    "first_epoch": 1,
    "precision": "float32",
    "compiled": False,
    "device": "cpu",
    "threads": 2,
    "machine": "Made-up CPU",
    "torch_version": "2.13.0",
    "git_commit": "a" * 40,
    "git_dirty": False,
}
ENDED = BEGUN | {"first_epoch": 9, "precision": "bfloat16", "compiled": True}


def lines(records):
    """The table as one dictionary of texts a line."""
    table = trainings_table(records, reference=NQ)
    return [
        dict(zip(table.columns, (cell.text for cell in row), strict=True)) for row in table.rows
    ]


def trained(seed, digest, **changes):
    """Two records of one network, at T = 1 and 2."""
    return [
        record("qcfs", 240, seed=seed, timesteps=t, checkpoint_sha256=digest * 64, **changes)
        for t in (1, 2)
    ]


def test_seeds_of_a_training_share_a_line_in_one_order():
    records = trained(1, "b", best_epoch=29, train_seconds=90) + trained(0, "a", train_seconds=600)
    records.append(records[0].model_copy(update={"method": "srp"}))
    (line,) = lines(records)
    assert line == {
        "training": "qcfs",
        "evaluated as": "qcfs, srp",
        "starts from": "–",
        "trained on": "not noted",
        "L": "4",
        "learning rate": "–",
        "epochs": "30",
        "seed": "0, 1",
        "chosen epoch": "27, 29",
        "its validation (%)": "97.5, 97.5",
        "minutes": "10, 1.5",
        "weights, sha256": f"{'a' * 12}, {'b' * 12}",
    }
    assert "2 trainings, 11.5 minutes in all" in trainings_table(records, reference=NQ).notes[0]


def test_each_recipe_and_number_of_levels_has_its_own_line():
    recipe = {"epochs": 60, "learning_rate": 0.1, "activation": {"threshold": 8.0}}
    data = recipe | {"activation": {"threshold": "data"}}
    tuned = recipe | {"extensions": {"start_from": "qcfs", "start_epochs": 50}}
    records = [
        *trained(0, "a", recipe=recipe),
        *trained(1, "b", recipe=data),
        *trained(0, "c", recipe=tuned),
        *trained(0, "d", recipe=recipe, levels=2),
        *trained(0, "e", recipe=recipe, levels=None),
    ]
    starts = [(line["starts from"], line["L"]) for line in lines(records)]
    assert starts == [
        ("–", "–"),
        ("λ = 8", "2"),
        ("λ = 8", "4"),
        ("λ from the data", "4"),
        ("50 epochs of qcfs at 0.1", "4"),
    ]
    assert any("fine-tuned from" in note for note in trainings_table(records, reference=NQ).notes)


def test_places_are_counted_where_there_are_several():
    networks = {1: [], 2: [BEGUN], 3: [ENDED], 4: [BEGUN, ENDED], 8: [BEGUN]}
    records = [
        record("nq", 270, levels=n, checkpoint_sha256=str(n) * 64, train_segments=segments)
        for n, segments in networks.items()
    ]
    first = "Made-up CPU, cpu, 2 threads, float32, torch 2.13.0, commit aaaaaaaaaaaa"
    then = "Made-up CPU, cpu, 2 threads, bfloat16, compiled, torch 2.13.0, commit aaaaaaaaaaaa"
    courses = f"1: not noted; 2: {first}; 1: not noted, then {then}; 1: {first}, then {then}"
    assert trained_on(records) == courses
    assert trained_on([records[1], records[4]]) == first


def test_networks_of_one_row_may_have_recipes_of_their_own_and_it_is_said(tmp_path):
    records = [
        make_record(
            method="direct",
            training=f"direct-ce-norse-T{timesteps}",
            levels=None,
            timesteps=timesteps,
            epochs=epochs,
            best_epoch=1,
            recipe={"epochs": epochs, "learning_rate": 0.05},
        )
        for timesteps, epochs in ((2, 20), (4, 12))
    ]
    said = (
        "Unequal recipes on digits, smallnet, epochs: 20 for direct at T = 2, 12 for direct at "
        "T = 4."
    )
    write_report(store(tmp_path, records), reference=NQ)
    for name in ("comparison.md", "report.html"):
        text = (tmp_path / name).read_text()
        assert said in text
        assert "Trainings" in text
        assert "not of one method" not in text
