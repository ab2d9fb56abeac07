"""What another recipe, or another commit, does to the methods of a comparison."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from resnoise.errors import RecordError
from resnoise.report.contrast import Side, contrast_page, make_contrast
from resnoise.report.groups import by_section
from resnoise.store import RecordStore
from resnoise.studies.study import write_study


def contrast(before: Path, after: Path, out: Path) -> list[Path]:
    """Write `contrast.md`, and `contrast.csv` with a line for each row and T.

    Args:
        before: folder of the comparison that the other one is held against.
        after: folder of the other one.
        out: folder of the tables.

    Returns:
        Paths of both.

    Raises:
        RecordError: a folder has no records, or they are not valid, or the two share nothing.
        StorageError: `out` cannot be written to.
    """
    folders = (before, after)
    names = [folder.name if before.name != after.name else str(folder) for folder in folders]
    ours, theirs = (by_section(RecordStore(folder).require()) for folder in folders)
    places = [place for place in ours if place in theirs]
    if not places:
        raise RecordError(
            f"expected comparisons that share a data set and architecture, but {before} is of "
            f"{_spoken(ours)} and {after} of {_spoken(theirs)}"
        )
    contrasts = [
        make_contrast(Side(names[0], ours[place]), Side(names[1], theirs[place]))
        for place in places
    ]
    page = "\n".join(map(contrast_page, contrasts))
    frame = pd.concat([contrast.frame for contrast in contrasts])
    return write_study(out, "contrast", page, frame)


def _spoken(places: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{dataset} with {architecture}" for dataset, architecture in places)
