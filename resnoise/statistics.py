"""Intervals and tests for accuracies, on SciPy.

A test image is right or wrong, so one network's accuracy has a binomial interval (Wilson), two
networks are compared on the images that only one of them gets right (McNemar), and what seeds do
is seen from the spread over seeds (bootstrap).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from resnoise.errors import RecordError
from resnoise.records import Record

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A confidence interval, in the unit of the estimate."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2


class PairedTest(NamedTuple):
    """McNemar's test between two classifiers on the same images.

    Attributes:
        pairs: images on which both were tried.
        first_only: images that only the first got right.
        second_only: images that only the second got right.
        difference: accuracy of the first less that of the second, a fraction.
        p: two-sided exact p-value.
    """

    pairs: int
    first_only: int
    second_only: int
    difference: float
    p: float


def wilson_interval(correct: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share, a pair of fractions.

    Args:
        correct: images classified correctly.
        total: images, at least 1.
        confidence: probability with which such intervals cover the true share.

    Source: Wilson, JASA 22 (1927) 209-212; it keeps its coverage near 0 and 1, where the
    textbook's normal interval does not (Brown, Cai and DasGupta, Statist. Sci. 16, 2001).
    """
    interval = stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def bootstrap_interval(
    values: ArrayLike, rng: np.random.Generator, confidence: float = CONFIDENCE
) -> Interval | None:
    """Percentile bootstrap interval of the mean over seeds; None for a single seed.

    With few seeds it is narrower than it should be; read it as the spread of what was run.

    Args:
        values: one value a seed, numbers of shape `(S,)`.
        rng: generator of the resamples.
        confidence: nominal coverage.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return None
    if np.ptp(values) == 0:
        return Interval(float(values[0]), float(values[0]))
    interval = stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, method="percentile", rng=rng
    ).confidence_interval
    return Interval(float(interval.low), float(interval.high))


def mcnemar(first: ArrayLike, second: ArrayLike) -> PairedTest:
    """McNemar's exact two-sided test on paired right/wrong outcomes.

    Under the null hypothesis an image that only one of the two gets right is as likely to be the
    first's as the second's, so the count is binomial with probability 1/2.

    Args:
        first: whether the first classifier was right on each image, booleans of shape `(N,)`.
        second: the same images in the same order for the second.

    Source: McNemar, Psychometrika 12 (1947) 153-157; the exact form is the sign test.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    first_only = int(np.sum(first & ~second))
    second_only = int(np.sum(second & ~first))
    discordant = first_only + second_only
    p = float(stats.binomtest(first_only, discordant).pvalue) if discordant else 1.0
    difference = (first_only - second_only) / len(first)
    return PairedTest(len(first), first_only, second_only, difference, p)


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    r"""Holm's adjusted p-values, which bound the chance of any false rejection in the family.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1) \, p_{(j)})

    Args:
        p_values: p-values of all the tests of one table, shape `(m,)`.

    Returns:
        Adjusted p-values in the same order, shape `(m,)`; significant where below α.

    Source: Holm, Scand. J. Statist. 6 (1979) 65-70.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return adjusted


def pair_records(
    first: Sequence[Record], second: Sequence[Record]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Outcomes of two methods on the same (seed, test image) pairs, pooled over shared seeds.

    When the seeds are the folds of a cross-validation every image is pooled once. When seeds
    share their test images the pairs are not independent, and a small p-value is about these
    trained networks rather than about every network that the two methods could train.

    Args:
        first: records of one method at one number of time steps, one a seed.
        second: the same for the other method.

    Returns:
        Whether each was right, two boolean arrays of the same shape `(N,)`; empty if no seed is
        shared.

    Raises:
        RecordError: a shared seed was tested on different images.
    """
    others = {record.seed: record for record in second}
    pairs = [_pair(one, others[one.seed]) for one in first if one.seed in others]
    if not pairs:
        return np.empty(0, dtype=bool), np.empty(0, dtype=bool)
    return tuple(np.concatenate(side) for side in zip(*pairs, strict=True))


def _pair(one: Record, other: Record) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    ids, other_ids = one.test_id_array(), other.test_id_array()
    order, other_order = np.argsort(ids), np.argsort(other_ids)
    if (one.dataset, one.data_sha256) != (other.dataset, other.data_sha256) or not np.array_equal(
        ids[order], other_ids[other_order]
    ):
        raise RecordError(
            f"{one.method} and {other.method} were tested on different images of {one.dataset} "
            f"(seed {one.seed}) and cannot be paired; evaluate both on the same test set"
        )
    return one.correct_array()[order], other.correct_array()[other_order]
