"""Names of data sets as parts of file names and identifiers."""

from __future__ import annotations

import re


def slug(dataset: str) -> str:
    """`dataset` without the characters that folders and drives use."""
    return dataset.replace(":", "-").replace("/", "-").replace("\\", "-")


def identifier(name: str) -> str:
    """`name` as HTML, SVG, LaTeX and any file system take it: other characters become hyphens."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)
