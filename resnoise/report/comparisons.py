"""The comparisons in a folder of tables, and what each is tested against."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from resnoise.analysis.significance import Reference
from resnoise.errors import RecordError
from resnoise.records.store import RecordStore

REFERENCES = "references.csv"
"""Beside the comparisons: which method each was tested against, in columns `table, reference`."""
_USUAL = "nq"


class ComparisonFolder(NamedTuple):
    """One folder with records.

    Attributes:
        name: of the folder.
        store: its records.
        reference: what its rows are tested against.
    """

    name: str
    store: RecordStore
    reference: Reference


def comparisons_in(tables: Path) -> list[ComparisonFolder]:
    """Every folder with a `records.json` in the folder `tables`, in alphabetical order.

    Raises:
        RecordError: there is none, or records or references are not valid.

    Examples:
        >>> [first, *_] = comparisons_in(Path("results/tables"))
        >>> first.name, str(first.reference)
        ('cifar10', 'nq')
    """
    found = [comparison_of(path.parent) for path in sorted(tables.glob("*/records.json"))]
    if not found:
        raise RecordError(
            f"expected a folder of comparisons, each a folder with records.json, but got {tables}"
        )
    return found


def comparison_of(folder: Path) -> ComparisonFolder:
    """The comparison in a folder; its reference is named in `references.csv` beside it.

    One that is not named there has that of `usual_reference`, as `compare` does.

    Raises:
        RecordError: there are no records, or records or references are not valid.
    """
    store = RecordStore(folder)
    records = store.require()
    named = dict(_references(folder.parent / REFERENCES))
    reference = named.get(folder.name) or usual_reference(record.method for record in records)
    return ComparisonFolder(folder.name, store, reference)


def usual_reference(methods: Iterable[str]) -> Reference:
    """What methods are tested against unless something else is said: `nq`, or else the first.

    Examples:
        >>> str(usual_reference(["qcfs", "nq"])), str(usual_reference(["qcfs", "cos"]))
        ('nq', 'qcfs')
    """
    names = list(methods)
    return Reference(_USUAL if _USUAL in names else names[0])


def _references(path: Path) -> Iterator[tuple[str, Reference]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if None in row.values() or not {"table", "reference"} <= set(row):
                raise RecordError(f"{path}: expected columns table and reference, but got {row}")
            yield row["table"], Reference.parse(row["reference"])
