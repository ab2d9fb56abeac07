"""What the gate calls worse, kind by kind, against SciPy where there is arithmetic."""

import numpy as np
import pytest
from scipy import stats

from resnoise.check.measurement import Figure, Kind, Measurement
from resnoise.check.ratio import Ratio, ratio_of
from resnoise.check.rules import Status, judge, judge_ratio, lower_p
from resnoise.errors import CheckError


def judged(kind, before, now):
    pair = ({"f": Figure("f", kind, value)} for value in (before, now))
    return judge(*pair)[0].status


@pytest.mark.parametrize(
    ("kind", "before", "now", "status"),
    [
        (Kind.IDENTICAL, "ab", "ab", Status.SAME),
        (Kind.IDENTICAL, "ab", "ac", Status.CHANGED),
        (Kind.IDENTICAL, 0.5, 0.5 + 2**-40, Status.CHANGED),
        (Kind.CLOSE, 1000.0, 1001.0, Status.SAME),
        (Kind.CLOSE, 1000.0, 1005.0, Status.CHANGED),
        (Kind.CLOSE, 1000.0, 995.0, Status.CHANGED),
        (Kind.CLOSE, 0.0, 1e-8, Status.SAME),
        (Kind.CLOSE, 0.0, 1e-3, Status.CHANGED),
        (Kind.IMAGES, 350, 349, Status.SAME),
        (Kind.IMAGES, 350, 348, Status.WORSE),
        (Kind.IMAGES, 350, 355, Status.BETTER),
        (Kind.COUNT, 33, 34, Status.WORSE),
        (Kind.COUNT, 33, 32, Status.BETTER),
        (Kind.COUNT, 33, 33, Status.SAME),
    ],
)
def test_each_kind_has_its_bound(kind, before, now, status):
    assert judged(kind, before, now) is status


def test_only_worse_and_changed_shut_the_gate():
    shut = {status for status in Status if status.fails}
    assert shut == {Status.WORSE, Status.CHANGED, Status.LOST}


def test_a_figure_that_is_new_passes_and_one_that_is_lost_does_not():
    figure = Figure("new", Kind.COUNT, 3)
    for before, now, status in (
        ({}, {"new": figure}, Status.MISSING),
        ({"new": figure}, {}, Status.LOST),
    ):
        (verdict,) = judge(before, now)
        assert verdict.status is status


def test_other_numbers_of_seeds_are_not_compared():
    with pytest.raises(CheckError, match="10 seeds as before, but got 5"):
        judged(Kind.SEEDS, [0.9] * 10, [0.9] * 5)


def test_paired_p_value_is_that_of_scipy():
    rng = np.random.default_rng(0)
    before, now = rng.random(10), rng.random(10)
    expected = stats.ttest_rel(before, now, alternative="greater").pvalue
    assert lower_p(before, now) == pytest.approx(expected)


def test_equal_accuracies_are_not_lower_and_a_constant_loss_is():
    assert lower_p([0.9, 0.8], [0.9, 0.8]) == 1
    assert lower_p([0.5, 0.75], [0.25, 0.5]) == 0


def test_a_difference_within_the_spread_of_seeds_passes_and_one_beyond_does_not():
    rng = np.random.default_rng(1)
    before = rng.normal(0.95, 0.01, 10)
    assert judged(Kind.SEEDS, list(before), list(before + rng.normal(0, 0.01, 10))) is Status.SAME
    assert judged(Kind.SEEDS, list(before), list(before - rng.normal(0.05, 0.01, 10))) is (
        Status.WORSE
    )


def test_equally_good_trainings_are_seldom_called_worse():
    # 8 figures a comparison, as the gate has them, and α = 1 %: of 300 comparisons 3 are expected,
    # and more than 10 have a probability below 0.001.
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(300):
        sides = [
            {str(i): Figure(str(i), Kind.SEEDS, list(rng.normal(0.95, 0.01, 10))) for i in range(8)}
            for _ in range(2)
        ]
        alarms += any(verdict.status is Status.WORSE for verdict in judge(*sides))
    assert alarms <= 10


def test_the_interval_of_a_ratio_is_that_of_scipy():
    logs = [0.01, 0.03, -0.02, 0.04, 0.0]
    low, high = stats.t.interval(0.98, len(logs) - 1, np.mean(logs), stats.sem(logs))
    ratio = ratio_of(logs)
    assert ratio == pytest.approx((np.exp(np.mean(logs)), np.exp(low), np.exp(high)))


@pytest.mark.parametrize(
    ("ratio", "status"),
    [
        (Ratio(1.05, 1.03, 1.07), Status.WORSE),
        (Ratio(1.05, 1.00, 1.10), Status.SAME),
        (Ratio(1.00, 0.99, 1.01), Status.SAME),
        (Ratio(0.90, 0.88, 0.92), Status.BETTER),
    ],
)
def test_a_time_is_worse_only_when_it_is_sure(ratio, status):
    assert judge_ratio("loop", ratio).status is status


def test_a_measurement_survives_its_file():
    figures = [Figure("σ", Kind.CLOSE, 0.1), Figure("s", Kind.SEEDS, [0.5, 0.25])]
    measurement = Measurement(figures, {"group": "reason"}, {"machine": "m"})
    assert Measurement.from_json(measurement.to_json()) == measurement
