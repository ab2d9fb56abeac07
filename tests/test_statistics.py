"""Intervals and tests against published formulae and textbook examples."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnoise.analysis.statistics import bootstrap_interval, holm, student_interval, wilson_interval


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_the_published_formula(counts):
    correct, total = counts
    z = 1.959963984540054
    share = correct / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    spread = z * sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / (1 + z**2 / total)
    interval = wilson_interval(correct, total)
    assert interval.low == pytest.approx(max(0, centre - spread), abs=1e-12)
    assert interval.high == pytest.approx(min(1, centre + spread), abs=1e-12)


def test_wilson_of_newcombes_example():
    # Newcombe, Statist. Med. 17 (1998) 857-872, table I, method 3: 81/263 and 15/148
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_bootstrap_of_one_seed_is_no_interval():
    assert bootstrap_interval([0.97], np.random.default_rng(0)) is None


def test_bootstrap_of_equal_seeds_has_no_width():
    assert bootstrap_interval([0.5, 0.5, 0.5], np.random.default_rng(0)) == (0.5, 0.5)


def test_bootstrap_approaches_the_normal_interval_and_repeats():
    values = np.random.default_rng(1).normal(0.9, 0.02, 400)
    interval = bootstrap_interval(values, np.random.default_rng(0))
    error = values.std() / sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=error / 5)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=error / 5)
    assert bootstrap_interval(values, np.random.default_rng(0)) == interval


def test_student_interval_of_a_textbook_example():
    # mean 0.5, standard deviation 0.3, and t(2) = 4.302653 of any table of its quantiles
    interval = student_interval([0.2, 0.5, 0.8])
    assert interval == pytest.approx(
        (0.5 - 4.302653 * 0.3 / sqrt(3), 0.5 + 4.302653 * 0.3 / sqrt(3))
    )
    assert student_interval([0.2]) is None
    assert student_interval([0.5, 0.5]) == (0.5, 0.5)
    # Of the variance Nadeau and Bengio make s² (1/3 + 1/2) in the place of s² / 3.
    half = 4.302653 * 0.3 * sqrt(1 / 3 + 1 / 2)
    corrected = student_interval([0.2, 0.5, 0.8], test_to_train=0.5)
    assert corrected == pytest.approx((0.5 - half, 0.5 + half))


def test_holm_textbook_example():
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") in R
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]).tolist() == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.9]).tolist() == pytest.approx([1.0, 1.0])
    assert holm([0.02]).tolist() == [0.02]
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    adjusted = holm(p_values)
    remaining = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = set()
    while remaining and p_values[remaining[0]] * len(remaining) < 0.05:
        rejected.add(remaining.pop(0))
    assert {index for index, p in enumerate(adjusted) if p < 0.05} == rejected
