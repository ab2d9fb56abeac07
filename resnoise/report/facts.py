"""What a reader needs to judge the numbers: where they come from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from resnoise.provenance import Provenance
from resnoise.records import Record
from resnoise.report.groups import with_levels
from resnoise.report.reference import Reference
from resnoise.report.table import Table, cells
from resnoise.segment import Segment


def provenance_table(records: Sequence[Record]) -> Table:
    """Code, versions, machine, seeds, data and weights behind a section."""

    def every(read: Callable[[Record], object]) -> str:
        return ", ".join(dict.fromkeys(str(read(record)) for record in records))

    trainings = _trainings(records)
    seconds = sum(record.train_seconds for record in trainings.values())
    weights = [digest[:12] for digest in trainings]
    facts = {
        "commit": ", ".join(commits(records)),
        "resnoise": every(lambda record: record.resnoise_version),
        "torch": every(lambda record: record.torch_version),
        "backends": every(lambda record: f"{record.backend} {record.backend_version}"),
        "Python": every(lambda record: record.python_version),
        "device": every(lambda record: record.device),
        "processor": every(lambda record: record.machine),
        "threads": every(lambda record: record.threads),
        "seeds": ", ".join(str(seed) for seed in sorted({record.seed for record in records})),
        "data, sha256": every(lambda record: record.data_sha256),
        "weights, sha256": f"{len(weights)}: {', '.join(weights)}",
        "training": f"{len(trainings)} trainings, {seconds / 60:.1f} minutes in all",
        "trained on": trained_on(records),
        **_starts(records),
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


def warnings(records: Sequence[Record], reference: Reference) -> list[str]:
    """What keeps these records from being one clean comparison."""
    found = []
    states = commits(records)
    if len(states) > 1:
        found.append(
            f"The records come from {len(states)} states of the code ({', '.join(states)}); "
            "differences between rows may be differences between these."
        )
    if any(record.git_dirty for record in records):
        found.append(
            "Some records were made with uncommitted changes (dirty): no commit reproduces them."
        )
    for row, recipes in _recipes(records).items():
        if len(recipes) > 1:
            found.append(
                f"{row} was trained by {len(recipes)} recipes: its figures are not of one method."
            )
    places = dict.fromkeys(
        f"{record.machine}, {record.device}, {record.threads} threads" for record in records
    )
    if len(places) > 1:
        found.append(
            f"Latencies were measured in {len(places)} places ({'; '.join(places)}); compare R(T), "
            "not milliseconds, across them."
        )
    if not any(record in reference for record in records):
        found.append(f"There is no record of {reference}, so nothing is tested against it.")
    return found


def commits(records: Iterable[Record]) -> list[str]:
    """The states of the code that evaluated, each once."""
    return list(dict.fromkeys(map(_commit, records)))


def trained_on(records: Iterable[Record]) -> str:
    """On what the trainings ran, each place with how many they are."""

    def course(training: Record) -> str:
        segments = training.train_segments
        places = [f"{segment}, commit {_commit(segment)}" for segment in segments]
        # A training may have begun before segments were noted.
        if not segments or segments[0].first_epoch > 1:
            places.insert(0, "not noted")
        return ", then ".join(places)

    counts = Counter(map(course, _trainings(records).values()))
    return "; ".join(f"{count}: {place}" for place, count in counts.items())


def made_with(provenance: Provenance) -> str:
    """Code, library and machine, as the last note of a table."""
    return f"Commit {_commit(provenance)}, torch {provenance.torch_version}, {provenance.machine}."


def _trainings(records: Iterable[Record]) -> dict[str, Record]:
    """One record of each training, by the hash of its weights."""
    return {record.checkpoint_sha256: record for record in records}


def _starts(records: Sequence[Record]) -> dict[str, str]:
    """A line on the trainings that these were fine-tuned from, if they were."""
    methods: dict[str, dict[str, None]] = {}
    for record in records:
        extensions = record.recipe.get("extensions", {})
        if name := extensions.get("start_from"):
            epochs = extensions.get("start_epochs", record.epochs)
            rate = extensions.get("start_learning_rate", record.recipe["learning_rate"])
            start = f"{epochs} epochs of {name} at {rate:g}"
            methods.setdefault(start, {})[record.method] = None
    if not methods:
        return {}
    starts = "; ".join(f"{start} ({', '.join(found)})" for start, found in methods.items())
    return {"fine-tuned from": f"{starts}; its minutes count only where it is itself compared"}


def _recipes(records: Sequence[Record]) -> dict[str, set[str]]:
    """Recipes by what a row of a table is of."""
    found: dict[str, set[str]] = {}
    for record in records:
        row = with_levels(record.method, record.levels)
        place = f"{row} on {record.dataset}, {record.architecture}"
        found.setdefault(place, set()).add(json.dumps(record.recipe, sort_keys=True))
    return found


def _commit(made: Record | Provenance | Segment) -> str:
    return (made.git_commit[:12] or "unknown") + (" (dirty)" if made.git_dirty else "")
