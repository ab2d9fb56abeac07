"""All attacks one after another: a line a failure, and a count. `make attack` runs it."""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.attack import disk, files, kills, options, photographs, weights
from tests.attack.ground import Ground

PARTS = ("inputs", "kills", "disk")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--seed", type=int, default=0, help="of moments, bits and fields")
    parser.add_argument("--seconds", type=int, default=600, help="after which it is a failure")
    chosen = parser.parse_args()
    faulthandler.dump_traceback_later(chosen.seconds, exit=True)
    torch.set_num_threads(1)
    failures, started = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="resnoise-attack-") as folder:
        for part in chosen.parts.split(","):
            place = Path(folder) / part
            place.mkdir()
            count, begun = 0, time.monotonic()
            for name, faults in globals()[f"_{part}"](place, random.Random(chosen.seed)):
                count += 1
                failures += bool(faults)
                for fault in faults:
                    print(f"{part}: {name}: {fault}", flush=True)
            print(f"{part}: {count} in {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{failures} failures in {time.monotonic() - started:.0f} s")
    sys.exit(bool(failures))


def _inputs(folder: Path, chosen: random.Random) -> Iterator[tuple[str, list[str]]]:
    ground = Ground(folder)
    for attack in (
        *options.attacks(),
        *files.attacks(chosen.randrange(2**32)),
        *weights.attacks(),
        *photographs.attacks(),
    ):
        yield attack.name, attack.run(ground)


def _kills(folder: Path, chosen: random.Random) -> Iterator[tuple[str, list[str]]]:
    for name in ("trainings", "comparisons"):
        place = folder / name
        place.mkdir()
        yield from getattr(kills, f"kill_{name}")(place, chosen)


def _disk(folder: Path, chosen: random.Random) -> Iterator[tuple[str, list[str]]]:
    ground = folder / "ground"
    ground.mkdir()
    yield from disk.attacks(folder, Ground(ground))


if __name__ == "__main__":
    main()
