"""Names of data sets as parts of file names."""

from __future__ import annotations


def slug(dataset: str) -> str:
    """`dataset` without the characters that folders and drives use."""
    return dataset.replace(":", "-").replace("/", "-").replace("\\", "-")
