"""Intervals and tests for accuracies, on SciPy.

A test image is right or wrong, so one network's accuracy has a binomial interval (Wilson); what
seeds do is seen from the spread over seeds (bootstrap), and from the differences of two methods
seed by seed (Student's t). Tests of two methods on the same images are in
`resnoise.analysis.paired_tests`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A confidence interval, in the unit of the estimate."""

    low: float
    high: float


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
        values: one value per seed, numbers of shape `(S,)`.
        rng: generator of the resamples.
        confidence: nominal coverage.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """

    def resampled(values: NDArray[np.float64]) -> Interval:
        return stats.bootstrap(
            (values,), np.mean, confidence_level=confidence, method="percentile", rng=rng
        ).confidence_interval

    return _over_seeds(values, resampled)


def student_interval(
    values: ArrayLike, test_to_train: float = 0.0, confidence: float = CONFIDENCE
) -> Interval | None:
    r"""Student's t interval of the mean over seeds; None for a single seed.

    .. math:: \bar d \pm t_{S-1} \, s \sqrt{1 / S + \rho}

    Args:
        values: one value per seed, such as the difference of two methods, numbers of shape `(S,)`.
        test_to_train: ρ, test images over training images where each seed splits the images anew,
            so that trainings share most of theirs and do not vary freely; 0 where all seeds have
            the same split.
        confidence: probability with which such intervals cover the mean over all seeds, if what
            seeds do is normally distributed.

    Source: Student, Biometrika 6 (1908) 1-25; ρ is the correction of Nadeau and Bengio, Mach.
    Learn. 52 (2003) 239-281.
    """

    def of_several(values: NDArray[np.float64]) -> Interval:
        error = stats.sem(values) * np.sqrt(1 + len(values) * test_to_train)
        return Interval(*stats.t.interval(confidence, len(values) - 1, values.mean(), error))

    return _over_seeds(values, of_several)


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


def _over_seeds(
    values: ArrayLike, interval_of: Callable[[NDArray[np.float64]], Interval]
) -> Interval | None:
    """The interval of several values, which SciPy cannot tell where they are all the same."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return None
    if np.ptp(values) == 0:
        return Interval(float(values[0]), float(values[0]))
    low, high = interval_of(values)
    return Interval(float(low), float(high))
