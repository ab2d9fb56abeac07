"""Measures one tree, in a process of its own: the `resnoise` that PYTHONPATH names.

The measuring code is that of this file's folder whichever tree is measured, so that both trees are
measured alike: `resnoise.check` is taken from here, everything else from the tree.

    probe.py figures CHECKPOINT PART...   a `Measurement` as JSON on stdout
    probe.py time BASE ROUNDS             CPU seconds of each workload of this tree and of the tree
                                          BASE, called in turns, and the names of those that BASE
                                          alone can run, as JSON on stdout
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
_REGISTER = torch.library.custom_op


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
    ours = Tree()
    theirs = Tree(base)
    return json.dumps(
        {
            "seconds": {
                name: [_pair(ours, theirs, name, turn) for turn in range(rounds)]
                for name in ours.workloads
                if name in theirs.workloads
            },
            "lost": [name for name in theirs.workloads if name not in ours.workloads],
        }
    )


class Tree:
    """A tree whose modules are the imported ones while it runs, since code imports late, too.

    Args:
        root: where it is; None is the tree that PYTHONPATH names.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.path = [str(root), *sys.path] if root else list(sys.path)
        self.register = _renamed(f"_of_{root.name}") if root else _REGISTER
        self.modules: dict[str, ModuleType] = {}
        self._enter_()
        take_check_from_here()
        from resnoise.check.timed import workloads

        self.workloads = workloads()
        self.modules = _modules_of_a_tree()

    def seconds(self, name: str) -> float:
        """CPU seconds of one call of a workload: waiting for the processor does not count."""
        self._enter_()
        start = time.process_time()
        self.workloads[name]()
        spent = time.process_time() - start
        self.modules = _modules_of_a_tree()
        return spent

    def _enter_(self) -> None:
        for name in _modules_of_a_tree():
            del sys.modules[name]
        sys.modules.update(self.modules)
        sys.path[:] = self.path
        torch.library.custom_op = self.register


def _renamed(suffix: str) -> Callable[..., Any]:
    """A `torch.library.custom_op` for the second tree of a process.

    PyTorch has one list of operators for the whole process, where one tree's would replace the
    other's of the same name.
    """
    suffix = re.sub(r"\W", "_", suffix)
    return lambda name, *function, **options: _REGISTER(name + suffix, *function, **options)


def _modules_of_a_tree() -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in ("resnoise", "baselines")
    }


def _pair(ours: Tree, theirs: Tree, name: str, turn: int) -> list[float]:
    """Seconds of the two, of which each comes first every other time."""
    if turn % 2:
        return [ours.seconds(name), theirs.seconds(name)]
    return [theirs.seconds(name), ours.seconds(name)][::-1]


def main() -> None:
    # What libraries print must not get between the answers.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    forget_editable_installs()
    command, *arguments = sys.argv[1:]
    place, *rest = arguments
    if command == "time":
        replies.write(time_in_turns(Path(place), int(rest[0])))
    else:
        take_check_from_here()
        replies.write(measure(Path(place), rest))


if __name__ == "__main__":
    main()
