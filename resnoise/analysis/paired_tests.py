"""Two methods on the same test images: which difference is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from resnoise.config.recipe import VALIDATION_FRACTION
from resnoise.errors import RecordError
from resnoise.records.record import Record


class Pairs(NamedTuple):
    """Outcomes of two methods on the same (seed, test image) pairs, each of shape `(N,)`.

    Attributes:
        first: whether the first method was right.
        second: whether the second one was.
        images: the test image, by its index in the data set.
        seeds: the seed of both trainings.
    """

    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    images: NDArray[np.int64]
    seeds: NDArray[np.int64]

    def test_to_train(self) -> float:
        """Test images over training images of a seed, if seeds are folds; else 0.

        Training images are nine tenths of what the other seeds tested, a tenth being held out for
        validation. Where some images are tested by no seed this is an upper bound.
        """
        images = len(np.unique(self.images))
        tested = len(self.images) / len(np.unique(self.seeds))
        trained = (1 - VALIDATION_FRACTION) * (images - tested)
        return tested / trained if trained else 0.0

    def by_seed(self) -> NDArray[np.float64]:
        """Accuracy of the first less that of the second, a fraction a seed, shape `(S,)`."""
        _, seed, pairs = np.unique(self.seeds, return_inverse=True, return_counts=True)
        return np.bincount(seed, self.first.astype(float) - self.second) / pairs


class PairedTest(NamedTuple):
    """McNemar's test between two methods on the same images.

    Attributes:
        pairs: pairs of a seed and an image on which both were tried.
        first_only: pairs that only the first got right.
        second_only: pairs that only the second got right.
        difference: accuracy of the first less that of the second, a fraction.
        p: two-sided exact p-value.
    """

    pairs: int
    first_only: int
    second_only: int
    difference: float
    p: float


def mcnemar(first: ArrayLike, second: ArrayLike, images: ArrayLike | None = None) -> PairedTest:
    r"""McNemar's exact two-sided test on paired right/wrong outcomes, clustered by test image.

    Under the null hypothesis an image that only one of the two gets right is as likely to be the
    first's as the second's. An image tried with several seeds gives outcomes that hang together,
    so they change sides together:

    .. math:: D = \sum_i \epsilon_i d_i, \quad \epsilon_i = \pm 1, \quad
              d_i = \sum_s (a_{is} - b_{is}), \quad p = P(|D| \ge |\sum_i d_i|)

    With every image tried once this is McNemar's test in its exact form, the sign test.

    Args:
        first: whether the first classifier was right on each pair, booleans of shape `(N,)`.
        second: the same pairs in the same order for the second.
        images: the test image of each pair, shape `(N,)`; None if each is tried once.

    Source: McNemar, Psychometrika 12 (1947) 153-157; clusters as in Durkalski, Palesch, Lipsitz and
    Rust, Statist. Med. 22 (2003) 2417-2428, with the exact distribution in place of its normal one.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    images = np.arange(len(first)) if images is None else np.asarray(images)
    ours, theirs = first & ~second, second & ~first
    first_only, second_only = int(ours.sum()), int(theirs.sum())
    _, image = np.unique(images, return_inverse=True)
    by_image = np.bincount(image, ours.astype(float) - theirs).astype(np.int64)
    difference = (first_only - second_only) / len(first)
    return PairedTest(len(first), first_only, second_only, difference, _p_of_signs(by_image))


def pair_records(first: Sequence[Record], second: Sequence[Record]) -> Pairs:
    """What two methods made of the same images, over the seeds that both have.

    Args:
        first: records of one method at one number of time steps, one per seed.
        second: the same for the other method.

    Returns:
        The pairs; none if no seed is shared.

    Raises:
        RecordError: a shared seed was tested on different images.
    """
    others = {record.seed: record for record in second}
    pairs = [_pair(one, others[one.seed]) for one in first if one.seed in others]
    if not pairs:
        nothing = np.empty(0, dtype=bool)
        return Pairs(nothing, nothing, nothing.astype(np.int64), nothing.astype(np.int64))
    return Pairs(*(np.concatenate(column) for column in zip(*pairs, strict=True)))


def _pair(one: Record, other: Record) -> Pairs:
    ids, other_ids = one.test_id_array(), other.test_id_array()
    order, other_order = np.argsort(ids), np.argsort(other_ids)
    if (one.dataset, one.data_sha256) != (other.dataset, other.data_sha256) or not np.array_equal(
        ids[order], other_ids[other_order]
    ):
        raise RecordError(
            f"{one.method} and {other.method} were tested on different images of {one.dataset} "
            f"(seed {one.seed}) and cannot be paired; evaluate both on the same test set"
        )
    return Pairs(
        one.correct_array()[order],
        other.correct_array()[other_order],
        ids[order],
        np.full(len(ids), one.seed),
    )


def _p_of_signs(values: NDArray[np.int64]) -> float:
    """Chance that values with signs of fair coins sum to at least what they do, in magnitude."""
    # Σ ±size = 2 Σ size [heads] - Σ size: the distribution of the sum over heads is enough, and
    # sizes that are equal give a binomial one, spaced by the size.
    sizes = np.abs(values)
    total = int(sizes.sum())
    heads = np.ones(1)
    for size, count in zip(*np.unique(sizes[sizes > 0], return_counts=True), strict=True):
        spaced = np.zeros(size * count + 1)
        spaced[::size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
        heads = np.convolve(heads, spaced)
    sums = 2 * np.arange(total + 1) - total
    return min(1.0, float(heads[np.abs(sums) >= abs(values.sum())].sum()))
