"""All attacks, two at a time: a line a failure, and a count. `make attack` runs it."""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
from collections import Counter
from contextlib import closing

from resnoise.utils.workers import done_in_workers
from tests.attack.pieces import PARTS, SHARES, Piece, attack, one_thread


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
    with closing(done_in_workers(attack, pieces, chosen.jobs, one_thread)) as done:
        for index, outcome in done:
            part = pieces[index].part
            counts[part] += outcome.count
            failures += outcome.failures
            print(f"{part}: {outcome.count} in {outcome.seconds:.0f} s", flush=True)
    told = ", ".join(f"{count} {part}" for part, count in counts.items())
    print(f"{told}: {failures} failures in {time.monotonic() - started:.0f} s")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
