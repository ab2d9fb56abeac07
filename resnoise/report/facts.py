"""What a reader needs to judge the numbers: where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from resnoise.provenance import Provenance
from resnoise.records import Record
from resnoise.report.recipes import mixed_networks, mixed_recipes
from resnoise.report.reference import Reference
from resnoise.report.table import Table, cells
from resnoise.segment import Segment


def provenance_table(records: Sequence[Record]) -> Table:
    """Code, versions, machine, seeds and data behind a section."""

    def every(read: Callable[[Record], object]) -> str:
        return ", ".join(dict.fromkeys(str(read(record)) for record in records))

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
    found += mixed_recipes(records)
    found += mixed_networks(records)
    places = dict.fromkeys(
        f"{record.machine}, {record.device}, {record.threads} threads" for record in records
    )
    if len(places) > 1:
        found.append(
            f"Latencies were measured in {len(places)} places ({'; '.join(places)}); compare R(T), "
            "not milliseconds, across them."
        )
    return found + _untested(records, reference)


def _untested(records: Sequence[Record], reference: Reference) -> list[str]:
    """Where nothing can be tested, as tests are between rows of one section and backend."""
    places: dict[str, bool] = {}
    for record in records:
        place = f"{record.dataset}, {record.architecture} on {record.backend}"
        places[place] = places.get(place, False) or record in reference
    lacking = [place for place, there in places.items() if not there]
    if len(lacking) == len(places):
        return [f"There is no record of {reference}, so nothing is tested against it."]
    return [
        f"There is no record of {reference} of {place}, so no row there is tested."
        for place in lacking
    ]


def commits(records: Iterable[Record]) -> list[str]:
    """The states of the code that evaluated, each once."""
    return list(dict.fromkeys(map(commit_of, records)))


def made_with(provenance: Provenance) -> str:
    """Code, library and machine, as the last note of a table."""
    return (
        f"Commit {commit_of(provenance)}, torch {provenance.torch_version}, {provenance.machine}."
    )


def commit_of(made: Record | Provenance | Segment) -> str:
    """A short name of the commit that something was made from."""
    return (made.git_commit[:12] or "unknown") + (" (dirty)" if made.git_dirty else "")
