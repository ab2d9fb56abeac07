"""McNemar's test against counting out, and how records are paired."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from resnoise.analysis.paired_tests import mcnemar, pair_records
from resnoise.errors import RecordError
from tests.made_up import make_record


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


def _of_images(*seeds: Sequence[int]):
    """Seeds on the same images: 1 where only the first is right, -1 where only the second."""
    sides = np.concatenate(seeds)
    return sides > 0, sides < 0, np.tile(np.arange(len(seeds[0])), len(seeds))


@given(st.lists(st.tuples(*[st.sampled_from([-1, 0, 1])] * 3), min_size=1, max_size=9))
def test_images_of_several_seeds_change_sides_as_a_whole(by_image):
    sums = [sum(image) for image in by_image]
    extreme = [
        abs(sum(sign * total for sign, total in zip(signs, sums, strict=True))) >= abs(sum(sums))
        for signs in product((-1, 1), repeat=len(sums))
    ]
    seeds = zip(*by_image, strict=True)
    assert mcnemar(*_of_images(*seeds)).p == pytest.approx(np.mean(extreme))


def test_clusters_are_scipys_permutation_test():
    rng = np.random.default_rng(0)
    seeds = rng.choice([-1, 0, 1], size=(3, 400), p=[0.1, 0.75, 0.15])
    drawn = stats.permutation_test(
        (seeds.sum(0), np.zeros(400)),
        lambda a, b: np.sum(a - b),
        permutation_type="samples",
        n_resamples=20_000,
        rng=rng,
    )
    assert mcnemar(*_of_images(*seeds)).p == pytest.approx(drawn.pvalue, abs=0.003)


def test_a_seed_that_repeats_another_is_no_further_evidence():
    once = [1] * 9 + [-1] + [0] * 20
    alone, thrice = mcnemar(*_of_images(once)), mcnemar(*_of_images(once, once, once))
    assert thrice.p == pytest.approx(alone.p)
    assert thrice.difference == pytest.approx(alone.difference)
    assert (thrice.pairs, thrice.first_only, thrice.second_only) == (90, 27, 3)


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
    pairs = pair_records(first, second)
    assert pairs.images.tolist() == [3, 5, 7, 1, 2, 4]
    assert pairs.seeds.tolist() == [0, 0, 0, 1, 1, 1]
    assert pairs.first.tolist() == [False, True, True, False, False, True]
    assert pairs.second.tolist() == [False, True, False, False, False, True]
    assert pairs.by_seed().tolist() == pytest.approx([1 / 3, 0])
    # Of two folds, with a tenth of the other held out for validation.
    assert pairs.test_to_train() == pytest.approx(1 / 0.9)


def test_seeds_that_share_their_test_images_are_no_folds():
    one, other = ([make_record(method=m, seed=s) for s in (0, 1)] for m in ("nq", "qcfs"))
    assert pair_records(one, other).test_to_train() == 0


def test_no_shared_seed_gives_no_pairs():
    pairs = pair_records([make_record(seed=0)], [make_record(seed=1)])
    assert [len(column) for column in pairs] == [0, 0, 0, 0]


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
