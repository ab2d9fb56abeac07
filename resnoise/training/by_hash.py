"""Checkpoints by the hash of their weights, which is how a record names the network it is of."""

from __future__ import annotations

from pathlib import Path

from resnoise.training.checkpoint import read_info


def checkpoints_by_hash(folder: Path) -> dict[str, Path]:
    """Every `best.json` below a folder, by the SHA-256 of its weights; none where there is none.

    The weights themselves are not read.

    Raises:
        CheckpointError: a file of that name is damaged, or no checkpoint.

    Examples:
        >>> (found,) = checkpoints_by_hash(Path("results/check/digits")).items()
        >>> found[0][:12], found[1].as_posix()
        ('837052385789', 'results/check/digits/best.json')
    """
    return {read_info(path).sha256: path for path in sorted(folder.glob("**/best.json"))}
