"""Times of two sides in turns, and how sure their ratio is.

One process imports both and calls the same function of one and the other in turns. It is
started anew a few times, because where memory happens to lie can favour one for a process's life.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from statistics import fmean, median, stdev
from typing import NamedTuple

from scipy import stats

from resnoise.check.trees import Side, probe
from resnoise.errors import CheckError

CONFIDENCE = 0.99
LAUNCHES = 6
ROUNDS = 60
WARMUP = 4


class Ratio(NamedTuple):
    """Time of what is now over what was before.

    Attributes:
        estimate: geometric mean over launches.
        low: lower end of the one-sided confidence interval.
        high: upper end of the other one-sided interval.
    """

    estimate: float
    low: float
    high: float


class Times(NamedTuple):
    """What was timed.

    Attributes:
        ratios: by workload.
        lost: workloads that ran before and do not now.
    """

    ratios: dict[str, Ratio]
    lost: list[str]


def ratio_of(log_ratios: Sequence[float]) -> Ratio:
    """The ratio that launches agree on, by Student's t on its logarithm.

    Args:
        log_ratios: one logarithm of the ratio a launch, at least two.
    """
    centre = fmean(log_ratios)
    error = stdev(log_ratios) / math.sqrt(len(log_ratios))
    reach = float(stats.t.ppf(CONFIDENCE, len(log_ratios) - 1)) * error
    return Ratio(*(math.exp(centre + shift) for shift in (0.0, -reach, reach)))


def time_in_turns(
    now: Side,
    before: Side,
    progress: Callable[[str], None],
    *,
    launches: int = LAUNCHES,
    rounds: int = ROUNDS,
) -> Times:
    """Time every workload that both sides have.

    Args:
        now: what is judged.
        before: what it is compared with.
        progress: told of every launch.
        launches: how often the process is started, at least 2.
        rounds: calls of each side's function a launch.

    Raises:
        CheckError: the process died, or the sides have no workload in common.
    """
    log_ratios: dict[str, list[float]] = {}
    for launch in range(launches):
        progress(f"times, launch {launch + 1} of {launches}")
        timed = json.loads(probe(now, "time", before.path, str(rounds + WARMUP)))
        if not timed["seconds"]:
            raise CheckError("the two sides have no timed workload in common; name a younger base")
        for name, pairs in timed["seconds"].items():
            # Of calls next to each other, so that what drifts cancels.
            ratios = [math.log(ours / theirs) for ours, theirs in pairs[WARMUP:]]
            log_ratios.setdefault(name, []).append(median(ratios))
    return Times({name: ratio_of(values) for name, values in log_ratios.items()}, timed["lost"])
