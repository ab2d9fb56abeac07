"""Rows tested against a reference: which differences are more than chance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from resnoise.analysis.paired_tests import PairedTest, mcnemar, pair_records
from resnoise.analysis.rows import Groups, Row, with_levels
from resnoise.analysis.statistics import Interval, holm, student_interval
from resnoise.errors import ConfigError, RecordError
from resnoise.records.record import Record

ALPHA = 0.05


@dataclass(frozen=True)
class RowTest:
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
        seeds_agree: whether no seed has the other one ahead.
        p_holm: p-value after Holm's correction over the section's row_tests.
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
    seeds_agree: bool
    p_holm: float = 1.0

    @property
    def verdict(self) -> str:
        """What this says of the reference: `better`, `worse`, `n.s.`, or `mixed`.

        It is `mixed` where the difference is significant, but seeds do not agree on its sign.
        """
        if self.p_holm >= ALPHA:
            return "n.s."
        if not self.seeds_agree:
            return "mixed"
        return "better" if self.result.difference > 0 else "worse"


class Pairing(NamedTuple):
    """Two rows that are to be tested against each other, and their records, one per seed.

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


def hold_row_tests(pairings: Iterable[Pairing]) -> tuple[list[RowTest], list[str]]:
    """Every row_test of these, corrected together, and why others were refused."""
    row_tests: dict[tuple, RowTest] = {}
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
        if key in row_tests:
            same = row_tests[key]
            row_tests[key] = replace(same, backends=(*same.backends, pairing.other.backend))
            continue
        result = mcnemar(pairs.first, pairs.second, pairs.images)
        by_seed = pairs.by_seed()
        row_tests[key] = RowTest(
            pairing.reference,
            pairing.other,
            (pairing.other.backend,),
            ours.timesteps,
            theirs.timesteps,
            equal_timesteps=ours.timesteps == theirs.timesteps,
            equal_steps=ours.total_steps == theirs.total_steps,
            result=result,
            over_seeds=student_interval(by_seed, pairs.test_to_train()),
            seeds_agree=bool((by_seed * result.difference >= 0).all()),
        )
    corrected = holm([row_test.result.p for row_test in row_tests.values()])
    return [
        replace(row_test, p_holm=float(p))
        for row_test, p in zip(row_tests.values(), corrected, strict=True)
    ], list(refusals)


def pairings(groups: Groups, reference: Reference) -> Iterator[Pairing]:
    """The reference and every other row, on one backend, at equal T or at equal total steps."""
    references = [row for row in groups if row in reference]
    for other in groups:
        candidates = [row for row in references if row.backend == other.backend]
        if other in candidates:
            continue
        # With several L of the reference, each other row meets its own L.
        candidates = [row for row in candidates if row.levels == other.levels] or candidates
        for row in candidates:
            shift = other.presimulation_steps - row.presimulation_steps
            for timesteps, theirs in groups[other].items():
                for reference_timesteps in sorted({timesteps, timesteps + shift}):
                    if reference_timesteps in groups[row]:
                        yield Pairing(row, other, groups[row][reference_timesteps], theirs)


def verdict_of(row_tests: Sequence[RowTest], row: Row, timesteps: int) -> str:
    """What the row_tests of a cell say of `row`: `better`, `worse`, `n.s.`, or empty if untested.

    It is `mixed` where one is, or they do not all say the same: a row of the reference is better
    only if it beats every row it was tested against there, and another row only if it beats each
    row of the reference that it was tested against.
    """
    verdicts = set()
    for row_test in row_tests:
        if row.backend not in row_test.backends:
            continue
        if (row_test.reference.contender, row_test.reference_timesteps) == (
            row.contender,
            timesteps,
        ):
            verdicts.add(row_test.verdict)
        elif (row_test.other.contender, row_test.timesteps) == (row.contender, timesteps):
            verdicts.add(_OPPOSITE[row_test.verdict])
    if len(verdicts) > 1:
        return "mixed"
    return verdicts.pop() if verdicts else ""


_OPPOSITE = {"better": "worse", "worse": "better", "n.s.": "n.s.", "mixed": "mixed"}


def several_levels(row_tests: Sequence[RowTest]) -> bool:
    """Whether a row of these needs its L to be identified."""
    rows = {row for row_test in row_tests for row in (row_test.reference, row_test.other)}
    return len({row.levels for row in rows if row.levels}) > 1


@dataclass(frozen=True)
class Reference:
    """The rows of one method, or of one method with one L.

    Attributes:
        method: name of the method.
        levels: L of its row that all others are tested against, those of the method with another L
            too; None lets each row meet the one of its own L.
    """

    method: str
    levels: int | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From `METHOD` or `METHOD:L`.

        Raises:
            ConfigError: `text` is neither.
        """
        match = re.fullmatch(r"([^:]+)(?::([1-9]\d{0,9}))?", text)
        if match is None:
            raise ConfigError(
                f"expected a reference such as nq, or nq:4 for its row with L = 4, got {text!r}"
            )
        method, levels = match.groups()
        return cls(method, None if levels is None else int(levels))

    def __str__(self) -> str:
        return with_levels(self.method, self.levels)

    def __contains__(self, row: Row | Record | Reference) -> bool:
        return row.method == self.method and self.levels in (None, row.levels)

    def require_in(self, records: Iterable[Record]) -> None:
        """Make sure that there is something to test against.

        Raises:
            RecordError: none of `records` is of this reference.
        """
        found = {str(Reference(record.method, record.levels)): record for record in records}
        if not any(record in self for record in found.values()):
            raise RecordError(
                f"expected a reference that there are records of ({', '.join(sorted(found))}), got "
                f"{self}; name one as `reference`: METHOD or METHOD:L"
            )
