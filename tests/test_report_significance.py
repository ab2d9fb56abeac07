"""The numbers of a comparison against counts by hand: which rows there are, who met whom."""

from __future__ import annotations

import pandas as pd
import pytest

from resnoise.analysis.rows import comparison_frame, group_records
from resnoise.analysis.significance import Reference, hold_row_tests, pairings, verdict_of
from resnoise.errors import ConfigError
from resnoise.report.terminal import summary_table
from resnoise.report.writer import write_report
from tests.comparisons import NQ, record, store
from tests.made_up import make_record


def row_tests_of(records, reference=NQ):
    groups = group_records(records, reference.method)
    return groups, *hold_row_tests(pairings(groups, reference))


def test_folds_are_pooled_so_that_each_image_counts_once(folds):
    frame = comparison_frame(group_records(folds, "nq")).set_index(
        ["method", "backend", "timesteps"]
    )
    line = frame.loc[("nq", "norse", 1)]
    assert (line.accuracy, line.images, line.seeds) == (0.9, 300, 3)
    # Wilson's interval of 270 of 300, worked out by hand
    assert (line.accuracy_low, line.accuracy_high) == pytest.approx((0.8608, 0.9291), abs=1e-4)


def test_seeds_on_one_test_set_are_averaged_and_do_not_narrow_the_interval():
    records = [record("nq", right, seed=seed) for seed, right in enumerate((240, 270, 300))]
    line = comparison_frame(group_records(records, "nq")).iloc[0]
    assert (line.accuracy, line.images, line.seed_mean) == (pytest.approx(0.9), 300, 0.9)
    assert line.accuracy_high - line.accuracy_low == pytest.approx(0.0683, abs=1e-4)
    assert line.seed_low == pytest.approx(0.8)  # the lowest resampled mean is one seed thrice
    assert line.seed_high == pytest.approx(1.0)


def test_costs_are_medians_over_seeds():
    records = [
        record("nq", 270, seed=seed, latency_ms_per_image=latency, peak_memory_mib=memory)
        for seed, latency, memory in ((0, 1.0, None), (1, 9.0, 40.0), (2, 2.0, 60.0))
    ]
    line = comparison_frame(group_records(records, "nq")).iloc[0]
    assert (line.latency_ms_per_image, line.peak_memory_mib) == (2.0, 50.0)


def test_row_tests_count_agreeing_backends_once_and_correct_for_all(folds):
    _, row_tests, refusals = row_tests_of(folds)
    found = {(c.other.method, c.reference_timesteps, c.timesteps): c for c in row_tests}
    # worse and close at T = 1, 2; pre at T = 1, 2, and its 1 + 1 steps against nq's T = 2
    assert sorted(found) == sorted(
        [
            *[(method, t, t) for method in ("worse", "close", "pre") for t in (1, 2)],
            ("pre", 2, 1),
        ]
    )
    assert refusals == []
    worse = found["worse", 1, 1]
    assert worse.backends == ("norse", "snntorch")
    assert (worse.result.first_only, worse.result.second_only) == (30, 0)
    assert worse.result.p == pytest.approx(2 * 0.5**30)
    assert worse.p_holm == pytest.approx(7 * 2 * 0.5**30)
    assert {key: row_test.verdict for key, row_test in found.items()} == {
        ("worse", 1, 1): "better",
        ("worse", 2, 2): "n.s.",
        ("close", 1, 1): "n.s.",
        ("close", 2, 2): "n.s.",
        ("pre", 1, 1): "worse",
        ("pre", 2, 2): "n.s.",
        ("pre", 2, 1): "n.s.",  # 5 to 0 is p = 0.0625
    }
    assert [c.equal_steps for c in (worse, found["pre", 1, 1], found["pre", 2, 1])] == [
        True,
        False,
        True,
    ]


def test_seeds_on_one_test_set_are_one_observation_an_image_and_have_an_interval(tmp_path):
    several = [record("nq", right, seed=seed) for seed, right in enumerate((270, 273, 276))]
    several += [record("qcfs", 264, seed=seed) for seed in range(3)]
    records = [*several, record("single", 264, seed=1)]
    _, row_tests, _ = row_tests_of(records)
    found = {row_test.other.method: row_test for row_test in row_tests}
    # Images 264 to 275 are right with one seed or more of nq alone: all twelve on one side
    assert found["qcfs"].result.p == pytest.approx(2 / 2**12)
    assert found["qcfs"].result.pairs == 900
    # Differences of 2, 3 and 4 points: 3 ± t(2) · 1 / √3
    assert found["qcfs"].over_seeds == pytest.approx((0.03 - 0.024841, 0.03 + 0.024841), abs=1e-6)
    assert (found["single"].over_seeds, found["single"].result.pairs) == (None, 300)

    write_report(store(tmp_path, records), reference=NQ)
    text = (tmp_path / "comparison.md").read_text()
    assert r"| **+3.00** | \[+0.52, +5.48\] | 0.0005 |" in text
    assert "| **+3.00** | – | 0.0039 |" in text
    write_report(store(tmp_path / "one", records[:1] + records[3:4]), reference=NQ)
    assert "over seeds |" not in (tmp_path / "one" / "comparison.md").read_text()


def test_a_significant_difference_that_seeds_do_not_agree_on_gets_no_verdict():
    def verdict(*differences):
        records = [record("qcfs", 200, seed=seed) for seed in range(len(differences))]
        records += [record("nq", 200 + more, seed=seed) for seed, more in enumerate(differences)]
        groups, (row_test,), _ = row_tests_of(records)
        assert row_test.p_holm < 0.05
        reference = next(row for row in groups if row.method == "nq")
        assert verdict_of([row_test], reference, row_test.timesteps) == row_test.verdict
        return row_test.verdict

    assert verdict(40, 40, 40) == "better"
    assert verdict(40, 40, 0) == "better"
    assert verdict(40, 40, -1) == "mixed"
    assert verdict(-40, -40, 1) == "mixed"


def test_backends_that_disagree_are_tested_apart():
    records = [
        record(method, right, backend=backend)
        for method, backend, right in (
            ("nq", "norse", 270),
            ("nq", "snntorch", 271),
            ("qcfs", "norse", 240),
            ("qcfs", "snntorch", 240),
        )
    ]
    _, row_tests, _ = row_tests_of(records)
    assert [row_test.backends for row_test in row_tests] == [("norse",), ("snntorch",)]


def test_the_reference_is_better_only_than_all_it_met(folds):
    groups, row_tests, _ = row_tests_of(folds)
    reference = next(row for row in groups if row.method == "nq")
    at_equal_steps = [row_test for row_test in row_tests if row_test.equal_steps]
    assert verdict_of(at_equal_steps, reference, 1) == "mixed"  # better than worse, not than close
    without_close = [c for c in at_equal_steps if c.other.method != "close"]
    assert verdict_of(without_close, reference, 1) == "better"
    assert verdict_of([], reference, 1) == ""


def test_trainings_for_their_own_timesteps_share_a_row_and_others_do_not():
    own = [
        make_record(method="direct", training=f"direct-T{t}", levels=None, timesteps=t)
        for t in (2, 4)
    ]
    rows = list(group_records(own, "nq"))
    assert [row.label for row in rows] == ["direct"]
    others = [
        make_record(method="srp", training=training, timesteps=4) for training in ("qcfs", "nq")
    ]
    assert [row.label for row in group_records(others, "nq")] == ["srp (nq)", "srp (qcfs)"]
    losses = [make_record(method="direct", training=loss) for loss in ("tet", "ce")]
    assert [row.label for row in group_records(losses, "nq")] == ["direct (ce)", "direct (tet)"]


def two_levels():
    right = {("nq", 4): 270, ("nq", 8): 240, ("qcfs", 4): 240, ("qcfs", 8): 290}
    records = [
        record(method, correct, levels=levels) for (method, levels), correct in right.items()
    ]
    return [*records, record("direct", 270, levels=None)]


def who_met(row_tests):
    return {(c.reference.levels, c.other.method, c.other.levels) for c in row_tests}


def test_several_levels_meet_their_own():
    _, row_tests, _ = row_tests_of(two_levels())
    assert who_met(row_tests) == {
        (4, "qcfs", 4),
        (8, "qcfs", 8),
        (4, "direct", None),
        (8, "direct", None),
    }


def test_what_differs_between_rows_of_the_reference_is_no_tie(tmp_path):
    records = [record("nq", right, levels=levels) for levels, right in ((2, 290), (4, 200))]
    write_report(store(tmp_path, [*records, record("direct", 250, levels=None)]), reference=NQ)
    table = (tmp_path / "comparison.md").read_text().split("### ")[1]
    assert "83.3 ±4.2 ≷" in table
    assert "≷ significant, but rows of nq, or seeds, do not agree on which is ahead" in table
    line = pd.read_csv(tmp_path / "comparison.csv").set_index("method").loc["direct"]
    assert line.reference_is_equal_timesteps == "mixed"
    assert pd.isna(line.difference_equal_timesteps)


def test_one_level_of_the_reference_meets_all_others():
    _, row_tests, _ = row_tests_of(two_levels(), Reference("nq", 4))
    assert who_met(row_tests) == {
        (4, "nq", 8),
        (4, "qcfs", 4),
        (4, "qcfs", 8),
        (4, "direct", None),
    }


def test_rows_of_several_levels_are_told_by_them(tmp_path):
    write_report(store(tmp_path, two_levels()), reference=Reference("nq", 4))
    text = (tmp_path / "comparison.md").read_text()
    assert "- Significantly better than nq with L = 4: qcfs with L = 8 at T = 2; " in text
    assert "with L = 8 differ in L from it, not in the method alone." in text
    assert "Against nq with L = 4 on the same test images" in text
    summary = summary_table(two_levels(), reference=Reference("nq", 4))
    marks = summary.set_index(["method", "L"])["T=2"].str.extract("([▲▼≈])", expand=False)
    assert marks.dropna().to_dict() == {
        ("nq", "8"): "▼",
        ("qcfs", "4"): "▼",
        ("qcfs", "8"): "▲",
        ("direct", "–"): "≈",
    }


@pytest.mark.parametrize(
    ("text", "expected"), [("nq-plus", Reference("nq-plus")), ("qcfs:16", Reference("qcfs", 16))]
)
def test_a_reference_is_read(text, expected):
    assert Reference.parse(text) == expected


@pytest.mark.parametrize("text", ["", ":4", "nq:", "nq:0", "nq:four", "nq:4:8"])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(ConfigError, match="expected a reference such as nq, or nq:4"):
        Reference.parse(text)
