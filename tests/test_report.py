"""What a comparison says beside its numbers: warnings, notes, gaps, and what it refuses."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from resnoise.analysis.caveats import warnings
from resnoise.analysis.missing import missing_cells
from resnoise.analysis.parity import backend_parity
from resnoise.errors import RecordError
from resnoise.report.published_tables import Published
from resnoise.report.terminal import summary_table
from resnoise.report.writer import write_report
from tests.comparisons import NQ, record, store
from tests.made_up import make_record


def test_losses_are_told_as_plainly_as_wins(folds, tmp_path):
    write_report(store(tmp_path, folds), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert (
        "Significantly better than nq: pre at T = 1; significantly worse than nq: worse at" in text
    )
    assert "| nq | norse = snntorch | 4 | 0 | 99.0 | 98.0 | 90.0 ±3.4 |" in text
    assert "| pre | norse = snntorch | 4 | 1 | 99.0 | 98.0 | **96.7** ±2.1 ▲ |" in text


def test_missing_cells_are_listed_with_what_to_do(folds, tmp_path):
    kept = [r for r in folds if not (r.method == "pre" and r.seed == 2 and r.backend == "norse")]
    assert {(key.method, key.backend, key.seed) for key in missing_cells(kept)} == {
        ("pre", "norse", 2)
    }
    write_report(store(tmp_path, kept), reference=NQ)
    for name in ("comparison.md", "report.html"):
        text = (tmp_path / name).read_text()
        assert "pre with L = 4, norse, T = 1, 2, seed 2" in text
        assert "Run the same comparison again: it resumes where it stopped." in text
    assert missing_cells(folds) == []


def test_another_number_of_seeds_is_no_gap():
    more_seeds = [record("nq", 270, levels=2, seed=seed) for seed in (0, 1, 2)]
    assert missing_cells([*more_seeds, record("nq", 270, levels=4), record("qcfs", 240)]) == []


def test_a_plan_says_what_the_records_cannot(folds):
    plan = [r.key for r in folds] + [folds[0].key._replace(method="new", training="new")]
    assert missing_cells(folds, plan) == [plan[-1]]


def test_parity_of_backends_is_stated(folds):
    assert backend_parity(folds) == [
        "norse = snntorch, image by image, in every evaluation of close, nq, pre, worse "
        "(24 compared)."
    ]
    differing = [record("nq", 270, backend="norse"), record("nq", 273, backend="snntorch")]
    assert backend_parity(differing) == [
        "norse, snntorch differ in 1 of 1 evaluations of nq, on at most 1.00 % of the test images."
    ]
    assert backend_parity(differing[:1]) == []


def test_one_seed_has_no_interval_and_says_so(tmp_path):
    write_report(store(tmp_path, [record("nq", 270), record("qcfs", 240)]), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert "### Accuracy (%) over seeds" not in text  # which would be the accuracies once more
    frame = pd.read_csv(tmp_path / "comparison.csv")
    assert frame[["seed_low", "seed_high"]].isna().all(axis=None)


def test_different_test_sets_are_not_paired_but_nothing_is_lost(tmp_path):
    other = make_record(method="qcfs", correct=[1, 1, 0], test_ids=[7, 8, 9])
    write_report(store(tmp_path, [record("nq", 270), other]), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert "nq and qcfs were tested on different images of digits" in text
    assert "66.7" in text
    assert "Paired tests" not in text


def test_operations_that_were_counted_anew_say_by_what(tmp_path):
    records = [record("nq", 270), record("qcfs", 240, counts_commit="e" * 40)]
    write_report(store(tmp_path, records), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert "| operations counted anew by | eeeeeeeeeeee, 1 records |" in text


def test_mixed_provenance_is_shown(tmp_path):
    records = [
        record("nq", 270),
        record("qcfs", 240, git_commit="f" * 40, git_dirty=True, threads=8),
    ]
    write_report(store(tmp_path, records), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert "2 states of the code (0123456789ab, ffffffffffff (dirty))" in text
    assert "no commit reproduces them" in text
    assert "2 threads; Made-up CPU, cpu, 8 threads" in text
    assert "data, sha256 | " + "d" * 64 in text


def test_a_row_of_several_recipes_is_said(tmp_path):
    recipes = {"seed": 0, "recipe": {"epochs": 30}}, {"seed": 1, "recipe": {"epochs": 60}}
    write_report(
        store(tmp_path, [record("nq", 270, **changes) for changes in recipes]), reference=NQ
    )
    text = (tmp_path / "comparison.md").read_text()
    assert "nq with L = 4 on digits, smallnet was trained by 2 recipes" in text


def test_several_networks_of_one_seed_are_said_and_are_no_fault_of_a_backend():
    records = [
        record("nq", 270),
        record("nq", 273, backend="snntorch", checkpoint_sha256="e" * 64),
    ]
    said = "nq with L = 4 on digits, smallnet, seed 0 is 2 networks: its row mixes them."
    assert said in warnings(records, NQ)
    assert backend_parity(records) == []


def test_where_the_reference_has_no_records_is_said():
    alone = [record("qcfs", 240)]
    assert warnings(alone, NQ) == ["There is no record of nq, so nothing is tested against it."]
    elsewhere = [record("nq", 240, backend="snntorch"), record("nq", 240, architecture="other")]
    assert warnings([*alone, *elsewhere], NQ) == [
        "There is no record of nq of digits, smallnet on norse, so no row there is tested."
    ]


def test_published_figures_stand_apart_with_their_sources(folds, tmp_path):
    published = pd.DataFrame(
        {
            "method": ["NQ", "NQ", "NQ"],
            "dataset": ["digits", "digits", "cifar10"],
            "architecture": ["smallnet"] * 2 + ["resnet20"],
            "levels": ["4"] * 3,
            "metric": ["ann", "snn", "snn"],
            "timesteps": pd.array([None, 4, 4], dtype="Int64"),
            "accuracy": [91.11, 88.88, 77.77],
            "source": ["https://example.org/a_b README"] * 3,
            "note": ["noise on", None, None],
        }
    )
    write_report(store(tmp_path, folds), published=Published(published), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    measured, _, foreign = text.partition("### Published by others, not measured here")
    assert "88.88" not in measured
    assert "| NQ | \\[1\\] | 4 | 91.11 | 88.88 |" in foreign
    assert "77.77" not in text
    page = (tmp_path / "report.html").read_text()
    assert '<a href="https://example.org/a_b">' in page


def test_measured_stands_beside_published_of_the_same_method_and_levels(folds, tmp_path):
    figures = [
        ("NQ", "4", 1, 92.5),
        ("NQ", "8", 1, 99.0),
        ("NQ", "4", 16, 95.0),
        ("Close", "4", 8, 1),
        ("SRP", "tau=4", 1, 91.0),
        ("SRP", "tau=8", 1, 99.0),
    ]
    published = pd.DataFrame(
        [
            {"method": method, "levels": levels, "timesteps": steps, "accuracy": accuracy}
            for method, levels, steps, accuracy in figures
        ]
    ).assign(dataset="digits", architecture="smallnet", metric="snn", source="A paper", note=None)
    write_report(store(tmp_path, folds), published=Published(published), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    table = text.partition("### Measured here beside published")[2].partition("###")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "---" not in line]
    assert rows[1:] == ["| nq | norse = snntorch | 4 | \\[1\\] | 90.00 (−2.50) | – |"]
    srp = record("srp", 270, timesteps=1, presimulation_steps=4)
    write_report(store(tmp_path / "srp", [srp]), published=Published(published), reference=NQ)
    assert (
        "| srp | norse | 4 | \\[1\\] | 90.00 (−1.00) |"
        in (tmp_path / "srp" / "comparison.md").read_text()
    )
    plus = tmp_path / "plus"
    of_two_levels = [record("nq-plus", 270, levels=levels, timesteps=1) for levels in (2, 4)]
    variants = Published(published, lambda name: name.removesuffix("-plus"))
    write_report(store(plus, of_two_levels), published=variants, reference=NQ)
    text = (plus / "comparison.md").read_text()
    assert "| nq-plus | norse | 4 | \\[1\\] | " in text
    assert "nq-plus is compared with nq, published by another recipe." in text
    assert "| nq-plus | norse | 2 | \\[1\\] | " not in text


def test_empty_comparisons_are_refused(tmp_path):
    with pytest.raises(
        RecordError, match=r"no records in .*; a comparison to that `out` makes them"
    ):
        write_report(tmp_path, reference=NQ)
    with pytest.raises(RecordError, match="nothing to compare"):
        summary_table([], reference=NQ)
    store(tmp_path, [record("nq", 270)])
    with pytest.raises(RecordError, match="no records of data set 'cifar10', only of digits"):
        write_report(tmp_path, dataset="cifar10", reference=NQ)
    assert os.listdir(tmp_path) == ["records.json"]


def test_only_the_data_set_asked_for(tmp_path):
    store(tmp_path, [record("nq", 270), record("nq", 240, dataset="letters")])
    write_report(tmp_path, dataset="letters", reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert "## letters, smallnet" in text
    assert "## digits" not in text
