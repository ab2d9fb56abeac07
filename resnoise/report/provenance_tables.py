"""Where numbers come from: code, machine, and the trainings behind a section."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from resnoise.analysis.recipes import predecessor_of, start_of
from resnoise.analysis.significance import Reference
from resnoise.config.nested import canonical
from resnoise.records.built import short
from resnoise.records.provenance import Provenance, commit_of, commits
from resnoise.records.record import Record
from resnoise.records.training_record import TrainingRecord
from resnoise.report.table import Table, cells, percent, significant


def trainings_table(
    records: Sequence[Record], reference: Reference, residuals: Sequence[TrainingRecord] = ()
) -> Table:
    """One line per training, levels and recipe, those of the reference method first.

    Seeds are listed in each cell, always in the same order.

    Args:
        records: of one section.
        reference: whose trainings come first.
        residuals: trainings that recorded their residual error; that there is none is said.
    """
    lines: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        lines[record.training, record.levels, canonical(record.recipe)].append(record)
    ordered = sorted(
        lines.items(),
        key=lambda line: (line[0][0] != reference.method, line[0][0], line[0][1] or 0),
    )
    networks = _by_weights(records)
    minutes = sum(record.train_seconds for record in networks.values()) / 60
    notes = [
        f"{len(networks)} training{'s' * (len(networks) > 1)}, {minutes:.1f} minutes in all, by "
        "the clock: pauses and whatever else the machine did are in them."
    ]
    if any(predecessor_of(record) for record in records):
        notes.append(
            "The minutes of what a network was fine-tuned from are in its own line, where it has "
            "one."
        )
    if not residuals:
        notes.append("No training recorded its residual error, so there is no figure of it.")
    return Table(
        name="trainings",
        title="Trainings",
        columns=(
            "training",
            "evaluated as",
            "starts from",
            "trained on",
            "L",
            "learning rate",
            "epochs",
            "seed",
            "chosen epoch",
            "its validation (%)",
            "minutes",
            "weights, sha256",
        ),
        rows=[_line(found) for _, found in ordered],
        labels=4,
        notes=notes,
        latex=False,
    )


def _line(records: Sequence[Record]) -> tuple:
    networks = sorted(_by_weights(records).values(), key=lambda record: record.seed)
    first = networks[0]

    def each(values: Iterable[object]) -> str:
        return ", ".join(map(str, values))

    return cells(
        first.training,
        each(dict.fromkeys(record.method for record in records)),
        start_of(first),
        trained_on(networks),
        first.levels,
        first.recipe.get("learning_rate"),
        each(dict.fromkeys(record.epochs for record in networks)),
        each(record.seed for record in networks),
        each(record.best_epoch for record in networks),
        each(percent(record.validation_accuracy) for record in networks),
        each(significant(record.train_seconds / 60, digits=2) for record in networks),
        each(record.checkpoint_sha256[:12] for record in networks),
    )


def trained_on(records: Iterable[Record]) -> str:
    """On what the trainings ran; of several places each with how many they are."""

    def course(training: Record) -> str:
        segments = training.train_segments
        places = [f"{segment}, commit {commit_of(segment)}" for segment in segments]
        # A training may have started before segments were noted.
        if not segments or segments[0].first_epoch > 1:
            places.insert(0, "not noted")
        return ", then ".join(places)

    counts = Counter(map(course, _by_weights(records).values()))
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{count}: {place}" for place, count in counts.items())


def _by_weights(records: Iterable[Record]) -> dict[str, Record]:
    """One record of each training, by the hash of its weights."""
    return {record.checkpoint_sha256: record for record in records}


def provenance_table(records: Sequence[Record]) -> Table:
    """Code, versions, machine, seeds and data behind a section."""

    def every(read: Callable[[Record], object]) -> str:
        return ", ".join(dict.fromkeys(str(read(record)) for record in records))

    facts = {
        "commit": ", ".join(commits(records)),
        **_counted_anew(records),
        "resnoise": every(lambda record: record.resnoise_version),
        "torch": every(lambda record: record.torch_version),
        "backends": every(lambda record: f"{record.backend} {record.backend_version}"),
        "Python": every(lambda record: record.python_version),
        "device": every(lambda record: record.device),
        "processor": every(lambda record: record.machine),
        "threads": every(lambda record: record.threads),
        "seeds": ", ".join(str(seed) for seed in sorted({record.seed for record in records})),
        "data, sha256": every(lambda record: record.data_sha256),
        "evaluated": " to ".join(
            dict.fromkeys(
                (
                    min(record.created for record in records),
                    max(record.created for record in records),
                )
            )
        ),
    }
    return Table(
        name="provenance",
        title="Provenance",
        columns=("what", "value"),
        rows=[cells(name, value) for name, value in facts.items()],
        labels=2,
        latex=False,
    )


def _counted_anew(records: Sequence[Record]) -> dict[str, str]:
    counts = Counter(record.counts_commit for record in records if record.counts_commit)
    found = (f"{short(commit, False)}, {number} records" for commit, number in counts.items())
    return {"operations counted anew by": ", ".join(found)} if counts else {}


def made_with(provenance: Provenance) -> str:
    """Code, library and machine, as the last note of a table."""
    return (
        f"Commit {commit_of(provenance)}, torch {provenance.torch_version}, {provenance.machine}."
    )
