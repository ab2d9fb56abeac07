"""Pieces of the attacks, each of which a process works at."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from tests.attack import disk, files, kills, options, photographs, weights
from tests.attack.ground import Ground

# Beside each other, two at a time; inputs come last, in shares, and fill what time there is left.
PARTS = ("kills", "disk", "inputs")
SHARES = 4


class Piece(NamedTuple):
    """Some attacks of a part.

    Attributes:
        part: of `PARTS`.
        share: which of `SHARES` of the inputs; 0 of the others, which have one.
        seed: of moments, bits and fields.
    """

    part: str
    share: int
    seed: int


class Outcome(NamedTuple):
    """How many attacks a piece made, in how many something was wrong, and its seconds."""

    count: int
    failures: int
    seconds: float


def one_thread() -> None:
    """Work as a second process would leave room for."""
    torch.set_num_threads(1)


def attack(piece: Piece) -> Outcome:
    """Attack, and print a line for each fault."""
    begun, count, failures = time.monotonic(), 0, 0
    chosen = random.Random(piece.seed)
    with tempfile.TemporaryDirectory(prefix=f"resnoise-attack-{piece.part}-") as folder:
        for name, faults in globals()[f"_{piece.part}"](Path(folder), chosen, piece.share):
            count += 1
            failures += bool(faults)
            for fault in faults:
                print(f"{piece.part}: {name}: {fault}", flush=True)
    return Outcome(count, failures, time.monotonic() - begun)


def _inputs(folder: Path, chosen: random.Random, share: int) -> Iterator[tuple[str, list[str]]]:
    ground = Ground(folder)
    attacks = (
        *options.attacks(),
        *files.attacks(chosen.randrange(2**32)),
        *weights.attacks(),
        *photographs.attacks(),
    )
    for attack in attacks[share::SHARES]:
        yield attack.name, attack.run(ground)


def _kills(folder: Path, chosen: random.Random, share: int) -> Iterator[tuple[str, list[str]]]:
    for name in ("trainings", "comparisons"):
        place = folder / name
        place.mkdir()
        yield from getattr(kills, f"kill_{name}")(place, chosen)


def _disk(folder: Path, chosen: random.Random, share: int) -> Iterator[tuple[str, list[str]]]:
    ground = folder / "ground"
    ground.mkdir()
    yield from disk.attacks(folder, Ground(ground))
