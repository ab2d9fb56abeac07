"""Rows tested against each other: which differences are more than chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from resnoise.errors import RecordError
from resnoise.paired import PairedTest, mcnemar, pair_records
from resnoise.records import Record
from resnoise.report.groups import Groups, Row
from resnoise.report.reference import Reference
from resnoise.statistics import Interval, holm, student_interval

ALPHA = 0.05


@dataclass(frozen=True)
class Contest:
    """A paired test of a row of the reference against another one.

    Attributes:
        reference: row of the reference.
        other: the other row, on the same backend.
        backends: backends on which both give exactly these outcomes, counted as one test.
        reference_timesteps: T of the reference.
        timesteps: T of the other row.
        equal_timesteps: whether both have the same T.
        equal_steps: whether both have the same τ + T.
        result: McNemar's test, the reference first.
        over_seeds: interval of the difference over trainings with other seeds; None for one seed.
        p_holm: p-value after Holm's correction over the section's contests.
    """

    reference: Row
    other: Row
    backends: tuple[str, ...]
    reference_timesteps: int
    timesteps: int
    equal_timesteps: bool
    equal_steps: bool
    result: PairedTest
    over_seeds: Interval | None
    p_holm: float = 1.0

    @property
    def verdict(self) -> str:
        """What this says of the reference: `better`, `worse` or `n.s.`."""
        if self.p_holm >= ALPHA:
            return "n.s."
        return "better" if self.result.difference > 0 else "worse"


class Pairing(NamedTuple):
    """Two rows that are to be tested against each other, and their records, one a seed.

    Attributes:
        reference: row of the reference.
        other: the other row, on the same backend.
        ours: records of the reference, all of one T.
        theirs: records of the other row, all of one T.
    """

    reference: Row
    other: Row
    ours: Sequence[Record]
    theirs: Sequence[Record]


def hold_contests(pairings: Iterable[Pairing]) -> tuple[list[Contest], list[str]]:
    """Every contest of these, corrected together, and why others were refused."""
    contests: dict[tuple, Contest] = {}
    refusals: dict[str, None] = {}
    for pairing in pairings:
        ours, theirs = pairing.ours[0], pairing.theirs[0]
        try:
            pairs = pair_records(pairing.ours, pairing.theirs)
        except RecordError as error:
            refusals[str(error)] = None
            continue
        if not len(pairs.first):
            continue
        # Backends that agree on every image repeat one test; it is counted once.
        key = (pairing.reference.contender, pairing.other.contender)
        key += (ours.timesteps, theirs.timesteps, pairs.first.tobytes(), pairs.second.tobytes())
        if key in contests:
            same = contests[key]
            contests[key] = replace(same, backends=(*same.backends, pairing.other.backend))
            continue
        contests[key] = Contest(
            pairing.reference,
            pairing.other,
            (pairing.other.backend,),
            ours.timesteps,
            theirs.timesteps,
            equal_timesteps=ours.timesteps == theirs.timesteps,
            equal_steps=ours.total_steps == theirs.total_steps,
            result=mcnemar(pairs.first, pairs.second, pairs.images),
            over_seeds=student_interval(pairs.by_seed(), pairs.test_to_train()),
        )
    corrected = holm([contest.result.p for contest in contests.values()])
    return [
        replace(contest, p_holm=float(p))
        for contest, p in zip(contests.values(), corrected, strict=True)
    ], list(refusals)


def rivalries(groups: Groups, reference: Reference) -> Iterator[Pairing]:
    """The reference and every other row, on one backend, at equal T or at equal total steps."""
    references = [row for row in groups if row in reference]
    for other in groups:
        rivals = [row for row in references if row.backend == other.backend]
        if other in rivals:
            continue
        # With several L of the reference, each other row meets its own L.
        rivals = [row for row in rivals if row.levels == other.levels] or rivals
        for row in rivals:
            shift = other.presimulation_steps - row.presimulation_steps
            for timesteps, theirs in groups[other].items():
                for reference_timesteps in sorted({timesteps, timesteps + shift}):
                    if reference_timesteps in groups[row]:
                        yield Pairing(row, other, groups[row][reference_timesteps], theirs)


def verdict_of(contests: Sequence[Contest], row: Row, timesteps: int) -> str:
    """What the contests of a cell say of `row`: `better`, `worse`, `n.s.`, or empty if untested.

    It is `mixed` where they do not all say the same: a row of the reference is better only if it
    beats every row it was tested against there, and another row only if it beats each row of the
    reference that it was tested against.
    """
    verdicts = set()
    for contest in contests:
        if row.backend not in contest.backends:
            continue
        if (contest.reference.contender, contest.reference_timesteps) == (row.contender, timesteps):
            verdicts.add(contest.verdict)
        elif (contest.other.contender, contest.timesteps) == (row.contender, timesteps):
            verdicts.add(_OPPOSITE[contest.verdict])
    if len(verdicts) > 1:
        return "mixed"
    return verdicts.pop() if verdicts else ""


_OPPOSITE = {"better": "worse", "worse": "better", "n.s.": "n.s."}


def several_levels(contests: Sequence[Contest]) -> bool:
    """Whether a row of these has to be told by its L."""
    rows = {row for contest in contests for row in (contest.reference, contest.other)}
    return len({row.levels for row in rows if row.levels}) > 1
