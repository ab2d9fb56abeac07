"""Measures one tree, in a process of its own: the `resnoise` that PYTHONPATH names.

The measuring code is that of this file's folder whichever tree is measured, so that both trees are
measured alike: `resnoise.check` is taken from here, everything else from the tree.

    probe.py figures CHECKPOINT PART...   a `Measurement` as JSON on stdout
    probe.py time BASE ROUNDS             CPU seconds of each workload of this tree and of the tree
                                          BASE, called in turns, as JSON on stdout
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).resolve().parent


def forget_editable_installs() -> None:
    """Drop the import hooks of editable installs.

    Setuptools' would find in the working tree what PYTHONPATH's tree does not have, and measure a
    mixture of both.
    """
    sys.meta_path[:] = [
        finder for finder in sys.meta_path if "Editable" not in getattr(finder, "__name__", "")
    ]


def take_check_from_here() -> None:
    """Make `resnoise.check` this folder, beside the rest of the tree's `resnoise`."""
    import resnoise  # the parent package comes from PYTHONPATH

    # A package that imports its modules late must fail here, not in one figure after another.
    for name in getattr(resnoise, "__all__", ()):
        getattr(resnoise, name)
    spec = spec_from_file_location(
        "resnoise.check", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    package = module_from_spec(spec)
    sys.modules["resnoise.check"] = package
    spec.loader.exec_module(package)


def measure(checkpoint: Path, parts: list[str]) -> str:
    """All figures of the parts `exact` and `trained`, as JSON."""
    from resnoise.check import exact, trained
    from resnoise.check.figures import Measurement

    makers = {"exact": lambda: exact.groups(checkpoint), "trained": trained.groups}
    figures, failed = [], {}
    for part in parts:
        try:
            groups = makers[part]()
        except (AttributeError, ImportError) as error:
            failed[part] = repr(error)
            continue
        for name, make in groups.items():
            # Whatever an old commit answers, it must not cost the other groups.
            try:
                figures += make()
            except Exception as error:
                failed[name] = repr(error)
    return Measurement(figures, failed).to_json()


def time_in_turns(base: Path, rounds: int) -> str:
    """Seconds by workload, pairs of this tree and `base`, as JSON.

    Both trees are imported into one process, where what disturbs one call disturbs the next alike.
    """
    ours = _workloads()
    for name in [n for n in sys.modules if n.partition(".")[0] in ("resnoise", "baselines")]:
        del sys.modules[name]
    sys.path.insert(0, str(base))
    take_check_from_here()
    theirs = _workloads()
    return json.dumps(
        {
            name: [_pair(ours[name], theirs[name], turn) for turn in range(rounds)]
            for name in ours
            if name in theirs
        }
    )


def _workloads() -> dict[str, Callable[[], object]]:
    from resnoise.check.timed import workloads

    return workloads()


def _pair(ours: Callable[[], object], theirs: Callable[[], object], turn: int) -> list[float]:
    """Seconds of the two, of which each comes first every other time."""
    if turn % 2:
        return [_seconds(ours), _seconds(theirs)]
    return [_seconds(theirs), _seconds(ours)][::-1]


def _seconds(function: Callable[[], object]) -> float:
    # CPU time: waiting while other processes have the processor does not count.
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    # What libraries print must not get between the answers.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    forget_editable_installs()
    take_check_from_here()
    command, *arguments = sys.argv[1:]
    place, *rest = arguments
    if command == "time":
        replies.write(time_in_turns(Path(place), int(rest[0])))
    else:
        replies.write(measure(Path(place), rest))


if __name__ == "__main__":
    main()
