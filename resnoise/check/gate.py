"""The gate: measure the working tree and what it is compared with, and judge the difference."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from resnoise import backends
from resnoise.check import library, recorded, trees
from resnoise.check.measurement import Measurement
from resnoise.check.ratio import time_in_turns
from resnoise.check.rules import Status, Verdict, judge, judge_lost_time, judge_ratio
from resnoise.check.trees import Side
from resnoise.errors import CheckError
from resnoise.records.provenance import provenance

PARTS = ("exact", "trained", "time")
REFERENCE = Path("results/check/reference.json")
WEIGHTS = Path("results/check/digits/best.json")

Progress = Callable[[str], None]
"""Told in a line what is being measured."""


@dataclass(frozen=True)
class Comparison:
    """What the gate found.

    Attributes:
        before: what is compared with, in words.
        notes: what was left out, and why.
        verdicts: one a figure.
    """

    before: str
    notes: list[str]
    verdicts: list[Verdict]

    def __post_init__(self) -> None:
        if all(verdict.status in (Status.MISSING, Status.LOST) for verdict in self.verdicts):
            raise CheckError(
                "the two sides have no figure in common, so nothing was compared; name a younger "
                "base, or record a new reference with `resnoise check --record`"
            )

    @property
    def failing(self) -> list[Verdict]:
        """The verdicts that shut the gate."""
        return [verdict for verdict in self.verdicts if verdict.status.fails]


def check_against_reference(path: Path, parts: Sequence[str], progress: Progress) -> Comparison:
    """Compare the working tree with recorded figures, of whatever machine.

    Times are left out: they say something only beside others of the same machine and moment.

    Raises:
        CheckError: there is nothing to compare.
    """
    before = recorded.read(path)
    notes = ["times: compared with a base alone, and none was named"] if "time" in parts else []
    parts = [part for part in parts if part != "time"]
    if not parts:
        raise CheckError("times are compared with a base in the same run; name one with `base`")
    notes += _not_installed(parts)
    # What was not asked for, or cannot be had here, is no loss.
    wanted = [
        figure
        for figure in before.figures
        if _part(figure.name) in parts and not _is_of(figure.name, backends.missing())
    ]
    now = _measure_working_tree(parts, progress)
    notes += _lost(now)
    verdicts = judge(replace(before, figures=wanted).by_name(), now.by_name())
    return Comparison(recorded.describe(before, path), notes, verdicts)


def check_against_base(name: str, parts: Sequence[str], progress: Progress) -> Comparison:
    """Compare the working tree with a commit, both measured now on this machine.

    Raises:
        CheckError: there is no such commit, it cannot be imported, or shares no figure.
    """
    root = trees.working_tree()
    commit = trees.commit_id(root, name)
    verdicts, notes = [], []
    with trees.tree_of(root, commit) as base:
        figures = [part for part in parts if part != "time"]
        if figures:
            progress(f"base {commit[:8]}: {', '.join(figures)}")
            before = trees.measure(Side(base), root / WEIGHTS, figures)
            now = _measure_working_tree(figures, progress)
            verdicts += judge(before.by_name(), now.by_name())
            notes += _not_installed(parts)
            notes += [f"the base cannot give {line}" for line in _by_reason(before)]
            notes += _lost(now)
        if "time" in parts:
            verdicts += _judge_times(Side(root), Side(base), progress)
    return Comparison(f"commit {commit}, measured on this machine", notes, verdicts)


def check_library(folder: Path, parts: Sequence[str], progress: Progress) -> Comparison:
    """Compare the libraries in a folder with those installed, below the same working tree.

    Both are measured now on this machine. Trained accuracy is left out: no library has a part in
    it.

    Raises:
        CheckError: the folder holds no library that a backend is built on, or there is nothing to
            compare.
    """
    versions = library.versions(folder)
    notes = ["trained accuracy: no library has a part in it"] if "trained" in parts else []
    if not {"exact", "time"} & set(parts):
        raise CheckError("no library has a part in trained accuracy; name other `parts`")
    verdicts = []
    with trees.own_tree() as root:
        ours, theirs = Side(root), Side(root, folder.resolve())
        if "exact" in parts:
            before = _measure(ours, trees.fixed_weights(root), ["exact"], progress)
            _require_whole(before)
            progress(f"with {folder}: exact")
            now = trees.measure(theirs, trees.fixed_weights(root), ["exact"])
            verdicts += judge(before.by_name(), now.by_name())
            notes += _lost(now)
        if "time" in parts:
            verdicts += _judge_times(theirs, ours, progress)
    return Comparison(library.describe(folder, versions), notes, verdicts)


def record(path: Path, progress: Progress) -> None:
    """Make the figures of the working tree the reference.

    Raises:
        CheckError: the tree has changes that its commit does not have, it cannot give a figure, or
            a backend is not installed, whose figures nobody would be held to any more.
    """
    trees.require_clean(trees.working_tree())
    if missing := backends.missing():
        raise CheckError(
            f"expected every backend to be installed, to record the figures of all, but "
            f"{', '.join(missing)} is not; {'; '.join(missing.values())}"
        )
    made_by = provenance()
    measurement = _measure_working_tree(("exact", "trained"), progress)
    _require_whole(measurement)
    recorded.write(path, replace(measurement, provenance=made_by._asdict()))


def _measure_working_tree(parts: Sequence[str], progress: Progress) -> Measurement:
    root = trees.working_tree()
    return _measure(Side(root), root / WEIGHTS, parts, progress)


def _measure(side: Side, weights: Path, parts: Sequence[str], progress: Progress) -> Measurement:
    """The figures of a side that has to have some."""
    progress(f"working tree: {', '.join(parts)}")
    measurement = trees.measure(side, weights, parts)
    if not measurement.figures:
        _require_whole(measurement)
    return measurement


def _require_whole(measurement: Measurement) -> None:
    """Raise `CheckError` if the working tree could not give a group of figures."""
    if reasons := _by_reason(measurement):
        raise CheckError(f"the working tree does not run: {reasons[0]}")


def _lost(now: Measurement) -> list[str]:
    return [f"what does not run now, {line}" for line in _by_reason(now)]


def _not_installed(parts: Container[str]) -> list[str]:
    if "exact" not in parts:
        return []
    missing = backends.missing().items()
    return [f"backend {name}: not installed here: {hint}" for name, hint in missing]


def _by_reason(measurement: Measurement) -> list[str]:
    """The groups of figures that a side could not give, those with the same reason in one line."""
    groups: dict[str, list[str]] = {}
    for group, reason in measurement.failed.items():
        groups.setdefault(reason, []).append(group)
    return [f"{'; '.join(names)}: {reason}" for reason, names in groups.items()]


def _judge_times(now: Side, before: Side, progress: Progress) -> list[Verdict]:
    times = time_in_turns(now, before, progress)
    ratios = [judge_ratio(*item) for item in times.ratios.items()]
    return ratios + [judge_lost_time(name) for name in times.lost]


def _is_of(figure: str, names: Container[str]) -> bool:
    """Whether a figure such as `grid, srp, norse: digest of logits` is of one of these backends."""
    return any(part in names for part in figure.partition(":")[0].split(", "))


def _part(figure: str) -> str:
    return "trained" if figure.startswith("trained") else "exact"
