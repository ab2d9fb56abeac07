"""Measures one side, in a process of its own: the `resnoise` that PYTHONPATH names.

PYTHONPATH may also name a folder with another version of a library. The measuring code is that of
this file's folder whichever side is measured, so that both are measured alike: `resnoise.check` is
taken from here, everything else from the side.

    probe.py figures CHECKPOINT PART...   a `Measurement` as JSON on stdout
    probe.py time BEFORE ROUNDS           CPU seconds of each workload of this side and of the side
                                          whose PYTHONPATH is BEFORE, called in turns, and the names
                                          of those that BEFORE alone can run, as JSON on stdout
"""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
# Baselines are installed as `resnoise_baselines` from the folder `baselines`.
BASELINES = "resnoise_baselines"
OWN = {"resnoise", "baselines", BASELINES}
_REGISTER = torch.library.custom_op


def forget_own_editable_install() -> None:
    """Drop the import hook of the editable install of the packages that are measured.

    Setuptools' would find in the working tree what PYTHONPATH's tree does not have, and measure a
    mixture of both. Those of libraries and of methods of others stay: they are the environment.
    """
    sys.meta_path[:] = [finder for finder in sys.meta_path if not OWN & _editable_by(finder)]


def _editable_by(finder: object) -> set[str]:
    """The packages that setuptools' import hook of an editable install finds."""
    return set(getattr(sys.modules.get(finder.__module__), "MAPPING", ()))


def take_check_from_here() -> None:
    """Make `resnoise.check` this folder, beside the rest of the tree's `resnoise` and baselines."""
    import resnoise

    # A package that imports its modules late must fail here, not in one figure after another.
    for name in getattr(resnoise, "__all__", ()):
        getattr(resnoise, name)
    _import_as("resnoise.check", HERE)
    baselines = Path(resnoise.__file__).resolve().parents[1] / "baselines"
    if baselines.is_dir():
        _import_as(BASELINES, baselines)


def _import_as(name: str, folder: Path) -> None:
    """Import the package in a folder under a name of our choice."""
    spec = spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    package = module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)


def measure(checkpoint: Path, parts: list[str]) -> str:
    """All figures of the parts `exact` and `trained`, as JSON."""
    from resnoise.check import exact, trained
    from resnoise.check.measurement import Measurement

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


def time_in_turns(before: str, rounds: int) -> str:
    """Seconds by workload, pairs of this side and of `before`, as JSON.

    Both are imported into one process, where what disturbs one call disturbs the next alike.
    """
    now = os.environ["PYTHONPATH"]
    ours = Imported(now, before)
    theirs = Imported(before, now, register_beside)
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


class Imported:
    """A side in this process, whose modules are the imported ones while it runs.

    Not only when it starts, since code imports late, too.

    Args:
        path: its PYTHONPATH.
        other: that of the other side.
        register: how it registers operators.
    """

    def __init__(self, path: str, other: str, register: Callable[..., Any] = _REGISTER) -> None:
        folders, others = path.split(os.pathsep), other.split(os.pathsep)
        elsewhere = [place for place in sys.path if place not in (*folders, *others)]
        self.path = [*folders, *elsewhere]
        self.packages = packages_in([*folders, *others])
        self.register = register
        self.modules: dict[str, ModuleType] = {}
        self._enter_()
        take_check_from_here()
        from resnoise.check.timed import workloads

        self.workloads = workloads()
        self.modules = self._imported()

    def seconds(self, name: str) -> float:
        """CPU seconds of one call of a workload: waiting for the processor does not count."""
        self._enter_()
        start = time.process_time()
        self.workloads[name]()
        spent = time.process_time() - start
        self.modules = self._imported()
        return spent

    def _enter_(self) -> None:
        for name in self._imported():
            del sys.modules[name]
        sys.modules.update(self.modules)
        sys.path[:] = self.path
        torch.library.custom_op = self.register

    def _imported(self) -> dict[str, ModuleType]:
        return {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] in self.packages
        }


def packages_in(folders: Iterable[str]) -> set[str]:
    """Names of the packages in any of the folders: each side of a comparison has its own."""
    found = {path.parent.name for folder in folders for path in Path(folder).glob("*/__init__.py")}
    return found | ({BASELINES} if "baselines" in found else set())


def register_beside(name: str, *function: Any, **options: Any) -> Any:
    """A `torch.library.custom_op` for the second side of a process.

    PyTorch has one list of operators for the whole process, where one side's would replace the
    other's of the same name.
    """
    return _REGISTER(f"{name}_before", *function, **options)


def _pair(ours: Imported, theirs: Imported, name: str, turn: int) -> list[float]:
    """Seconds of the two, of which each comes first every other time."""
    if turn % 2:
        return [ours.seconds(name), theirs.seconds(name)]
    return [theirs.seconds(name), ours.seconds(name)][::-1]


def end_with_stdin() -> None:
    """End this process when the pipe that is its stdin does, so with the gate that holds it.

    Not by `resnoise.utils.processes`: the side that is measured may be from before there was one.
    """

    def end() -> None:
        os.read(sys.stdin.fileno(), 1)
        os._exit(1)

    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=end, daemon=True).start()


def main() -> None:
    end_with_stdin()
    # What libraries print must not get between the answers.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    forget_own_editable_install()
    command, place, *rest = sys.argv[1:]
    if command == "time":
        replies.write(time_in_turns(place, int(rest[0])))
    else:
        take_check_from_here()
        replies.write(measure(Path(place), rest))


if __name__ == "__main__":
    main()
