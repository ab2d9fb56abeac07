"""What counts as worse, for each kind of figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

import numpy as np
from scipy import stats

from resnoise.analysis.statistics import holm
from resnoise.check.measurement import Figure, Kind
from resnoise.check.ratio import Ratio
from resnoise.errors import CheckError

CLOSE = 2e-3
"""Relative change of a `CLOSE` figure that the order of rounding may make."""
NOTHING = 1e-6
"""What rounding may make of a `CLOSE` figure that is 0."""
IMAGES = 1
"""Test images of fixed weights that the order of rounding may cost."""
SIGNIFICANCE = 0.01
"""Chance that equally good trainings are called worse, over all trained figures together."""
SLOWER = 1.02
"""A time is worse if its ratio is above this with confidence."""
COLUMNS = ("figure", "before", "now", "fails at", "status")
"""Headings of the gate's table, of the fields of a `Verdict`."""


class Status(StrEnum):
    """What became of a figure."""

    SAME = "same"
    BETTER = "better"
    WORSE = "WORSE"
    CHANGED = "CHANGED"
    LOST = "LOST"
    MISSING = "n/a"

    @property
    def fails(self) -> bool:
        """Whether the gate stays shut."""
        return self in (Status.WORSE, Status.CHANGED, Status.LOST)


@dataclass(frozen=True)
class Verdict:
    """One line of the gate's table, in text."""

    name: str
    before: str
    now: str
    bound: str
    status: Status


def judge(before: dict[str, Figure], now: dict[str, Figure]) -> list[Verdict]:
    """Compare all figures that either side has, in the order of the first."""
    verdicts = []
    p_values = _p_values(before, now)
    for name in [*before, *(name for name in now if name not in before)]:
        if name not in before or name not in now:
            sides = (_text(side[name].value) if name in side else "" for side in (before, now))
            status = Status.LOST if name in before else Status.MISSING
            verdicts.append(Verdict(name, *sides, "no longer there", status))
            continue
        old, new = before[name], now[name]
        if new.kind is Kind.SEEDS:
            bound, status = _judge_seeds(p_values[name])
        else:
            bound, status = _RULES[new.kind](old.value, new.value)
        verdicts.append(Verdict(name, _text(old.value), _text(new.value), bound, status))
    return verdicts


def judge_lost_time(name: str) -> Verdict:
    """What ran before does not run now."""
    return Verdict(f"time: {name}", "1", "", "no longer there", Status.LOST)


def judge_ratio(name: str, ratio: Ratio) -> Verdict:
    """A time is worse when even the low end of its ratio is above `SLOWER`."""
    status = Status.SAME
    if ratio.low > SLOWER:
        status = Status.WORSE
    elif ratio.high < 1 / SLOWER:
        status = Status.BETTER
    interval = f"{ratio.estimate:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
    return Verdict(f"time: {name}", "1", interval, f"low end above {SLOWER}", status)


def _judge_identical(old: object, new: object) -> tuple[str, Status]:
    return "any change", Status.SAME if old == new else Status.CHANGED


def _judge_close(old: float, new: float) -> tuple[str, Status]:
    close = math.isclose(new, old, rel_tol=CLOSE, abs_tol=NOTHING)
    return f"a change of {CLOSE:.1%}", Status.SAME if close else Status.CHANGED


def _judge_images(old: float, new: float) -> tuple[str, Status]:
    worse = new < old - IMAGES
    return f"more than {IMAGES} fewer", _directed(worse, new > old + IMAGES)


def _judge_count(old: float, new: float) -> tuple[str, Status]:
    return "any more", _directed(new > old, new < old)


def _judge_seeds(p: float) -> tuple[str, Status]:
    bound = f"lower with p < {SIGNIFICANCE} (p = {p:.2g})"
    return bound, _directed(p < SIGNIFICANCE, False)


_RULES = {
    Kind.IDENTICAL: _judge_identical,
    Kind.CLOSE: _judge_close,
    Kind.IMAGES: _judge_images,
    Kind.COUNT: _judge_count,
}


def _directed(worse: bool, better: bool) -> Status:
    return Status.WORSE if worse else Status.BETTER if better else Status.SAME


def _p_values(before: dict[str, Figure], now: dict[str, Figure]) -> dict[str, float]:
    """Holm's adjusted p-values of all trained figures, that accuracy is no lower than before."""
    names = [n for n, f in now.items() if f.kind is Kind.SEEDS and n in before]
    raw = [lower_p(before[name].value, now[name].value) for name in names]
    return dict(zip(names, holm(raw).tolist(), strict=True)) if names else {}


def lower_p(before: Sequence[float], now: Sequence[float]) -> float:
    """One-sided p-value of Student's t for pairs, that accuracies are lower now.

    Pairs are of one seed, so of one fold of the data: how hard a fold is cancels.

    Args:
        before: accuracy by seed.
        now: accuracy of the same seeds.

    Raises:
        CheckError: there are not as many seeds on both sides.
    """
    if len(before) != len(now):
        raise CheckError(
            f"expected accuracies of {len(before)} seeds as before, but got {len(now)}; record a "
            "new reference with `resnoise check --record`"
        )
    loss = np.subtract(before, now)
    if np.ptp(loss) == 0:  # no spread to measure by, as where nothing changed
        return float(loss[0] <= 0)
    return float(stats.ttest_1samp(loss, 0, alternative="greater").pvalue)


def _text(value: float | str | list[float]) -> str:
    if isinstance(value, list):
        return f"{fmean(value):.2%} of {len(value)} seeds"
    return value if isinstance(value, str) else f"{value:.6g}"
