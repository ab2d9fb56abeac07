"""Intervals and tests against published formulae and textbook examples."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnoise.errors import RecordError
from resnoise.statistics import (
    bootstrap_interval,
    holm,
    mcnemar,
    pair_records,
    wilson_interval,
)
from tests.made_up import make_record


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
    assert interval.half_width == pytest.approx((interval.high - interval.low) / 2)


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


def _outcomes(both: int, first_only: int, second_only: int, neither: int):
    first = [1] * (both + first_only) + [0] * (second_only + neither)
    second = [1] * both + [0] * first_only + [1] * second_only + [0] * neither
    return first, second


@given(*[st.integers(0, 30)] * 3, st.integers(1, 30))
def test_mcnemar_is_the_sign_test_counted_out(both, first_only, second_only, neither):
    result = mcnemar(*_outcomes(both, first_only, second_only, neither))
    discordant, fewer = first_only + second_only, min(first_only, second_only)
    tail = sum(comb(discordant, k) for k in range(fewer + 1)) / 2**discordant
    assert result.p == pytest.approx(min(1, 2 * tail), rel=1e-9)
    pairs = both + first_only + second_only + neither
    assert (result.pairs, result.first_only, result.second_only) == (
        pairs,
        first_only,
        second_only,
    )
    assert result.difference == pytest.approx((first_only - second_only) / pairs)


def test_mcnemar_textbook_example():
    # R's exact McNemar of 1 against 9 discordant pairs: p = 2 * (1 + 10) / 2**10
    assert mcnemar(*_outcomes(20, 9, 1, 5)).p == pytest.approx(22 / 1024)
    # Swapping the two changes the sign of the difference and nothing else
    first, second = _outcomes(20, 9, 1, 5)
    assert mcnemar(second, first).difference == -mcnemar(first, second).difference
    assert mcnemar(second, first).p == mcnemar(first, second).p


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


def test_pairing_is_by_seed_and_image_whatever_their_order():
    first = [
        make_record(seed=0, correct=[1, 0, 1], test_ids=[7, 3, 5]),
        make_record(seed=1, correct=[0, 0, 1], test_ids=[1, 2, 4]),
        make_record(seed=2, correct=[1, 1, 1]),  # the other has no such seed
    ]
    second = [
        make_record(method="qcfs", seed=1, correct=[1, 0, 0], test_ids=[4, 1, 2]),
        make_record(method="qcfs", seed=0, correct=[0, 1, 0], test_ids=[3, 5, 7]),
    ]
    one, other = pair_records(first, second)
    assert one.tolist() == [False, True, True, False, False, True]  # images 3 5 7, then 1 2 4
    assert other.tolist() == [False, True, False, False, False, True]


def test_no_shared_seed_gives_no_pairs():
    one, other = pair_records([make_record(seed=0)], [make_record(seed=1)])
    assert len(one) == len(other) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"test_ids": [0, 1, 2, 9]},
        {"correct": [1, 1, 0]},
        {"data_sha256": "e" * 64},
        {"dataset": "letters"},
    ],
)
def test_different_test_sets_are_not_paired(changes):
    with pytest.raises(RecordError, match=r"nq and qcfs were tested on different images.*seed 0"):
        pair_records([make_record()], [make_record(method="qcfs", **changes)])
