"""What a study leaves in its folder: a table to read, and the rows that it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from resnoise.errors import CheckpointError
from resnoise.report.csv import csv_text
from resnoise.report.table import Cell
from resnoise.training import checkpoint
from resnoise.utils.files import exclusive, write_text


def write_study(out: Path, name: str, page: str, frame: pd.DataFrame) -> list[Path]:
    """Write `NAME.md` and `NAME.csv`.

    Args:
        out: the folder.
        name: of both files.
        page: the table as Markdown.
        frame: the rows.

    Returns:
        Paths of both.

    Raises:
        StorageError: `out` cannot be written to.
    """
    texts = {
        out / f"{name}.md": page,
        out / f"{name}.csv": csv_text(frame),
    }
    with exclusive(out):
        for path, text in texts.items():
            write_text(path, text)
    return list(texts)


def require_one_place(paths: Sequence[Path]) -> None:
    """Refuse checkpoints that do not belong into one table.

    Raises:
        CheckpointError: they are of several data sets or architectures, or one is damaged.
    """
    jobs = [checkpoint.read_info(path).job for path in paths]
    places = {(job.dataset, job.architecture) for job in jobs}
    if len(places) > 1:
        raise CheckpointError(
            f"expected trainings of one data set and architecture, but got {sorted(places)}"
        )


def require_rows_of_their_own(rows: Iterable[str]) -> None:
    """Refuse trainings that a table could not tell apart.

    Args:
        rows: of each training what identifies its row, in words.

    Raises:
        CheckpointError: two are of the same row.
    """
    row, count = Counter(rows).most_common(1)[0]
    if count > 1:
        raise CheckpointError(
            f"expected every training to have a row of its own, but got {count} of {row}; "
            "give them folders of their own"
        )


def over_seeds(values: pd.Series, text: Callable[[float], str]) -> Cell:
    """Mean of the seeds' values, ± their standard deviation where there are several.

    Args:
        values: one a seed, fractions.
        text: how one is written.
    """
    spread = f"±{text(values.std()).removeprefix('+')}" if len(values) > 1 else ""
    return Cell(text(values.mean()), spread)
