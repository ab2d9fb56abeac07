"""What a study leaves in its folder: a table to read, and the rows that it rests on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from resnoise.atomic import exclusive, write_text


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
        out / f"{name}.csv": frame.to_csv(index=False, lineterminator="\n"),
    }
    with exclusive(out):
        for path, text in texts.items():
            write_text(path, text)
    return list(texts)
