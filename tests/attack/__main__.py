"""All attacks one after another: a line a failure, and a count. `make attack` runs it."""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import torch

from resnoise.utils.workers import done_in_workers
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--seed", type=int, default=0, help="of moments, bits and fields")
    parser.add_argument("--seconds", type=int, default=600, help="after which it is a failure")
    parser.add_argument("--jobs", type=int, default=2, help="processes that attack")
    chosen = parser.parse_args()
    faulthandler.dump_traceback_later(chosen.seconds, exit=True)
    pieces = [
        Piece(part, share, chosen.seed)
        for part in chosen.parts.split(",")
        for share in range(SHARES if part == "inputs" else 1)
    ]
    counts, failures, started = Counter(), 0, time.monotonic()
    with closing(done_in_workers(attack, pieces, chosen.jobs, _one_thread)) as done:
        for index, outcome in done:
            part = pieces[index].part
            counts[part] += outcome.count
            failures += outcome.failures
            print(f"{part}: {outcome.count} in {outcome.seconds:.0f} s", flush=True)
    told = ", ".join(f"{count} {part}" for part, count in counts.items())
    print(f"{told}: {failures} failures in {time.monotonic() - started:.0f} s")
    sys.exit(bool(failures))


def _one_thread() -> None:
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


if __name__ == "__main__":
    main()
