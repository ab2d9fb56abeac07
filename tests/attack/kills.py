"""Kills at random moments: of a training, which must end as one that nobody disturbed, and of a
comparison with several processes, of which none may stay.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from resnoise.config.execution import ExecutionConfig
from resnoise.config.recipe import Recipe
from resnoise.datasets import load as load_data
from resnoise.errors import CheckpointError
from resnoise.methods import get
from resnoise.training import checkpoint
from resnoise.training.job import Job
from resnoise.training.run_folders import train_in

TRAININGS, COMPARISONS = 44, 6
ENDS_WITHIN = 20.0
RUN = [sys.executable, "-c", "from resnoise.cli import main; main()"]
COMPARE = [
    "compare", "--methods", "qcfs", "--backends", "reference", "--seeds", "0,1", "--jobs", "2",
    "--timesteps", "1", "--threads", "2", "--epochs", "50", "--out", "out",
]  # fmt: skip


def kill_trainings(folder: Path, chosen: random.Random) -> Iterator[tuple[str, list[str]]]:
    """Kill a training again and again; each kill with what is wrong after it, a line each."""
    whole = train(folder / "whole")
    started = time.monotonic()
    _in_child(lambda: train(folder / "timed"))
    lasts = time.monotonic() - started
    expected = checkpoint.read(whole)[1]
    runs = folder / "runs"
    for number in range(TRAININGS):
        child = _start(lambda: train(runs))
        time.sleep(chosen.uniform(0, 1.2 * lasts))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        faults = []
        for path in runs.rglob("*.json"):
            try:
                checkpoint.read(path)
            except CheckpointError as error:
                faults.append(str(error))
        if chosen.random() < 0.3 or number == TRAININGS - 1:
            if _in_child(lambda: train(runs)):
                faults.append("the training does not resume")
            elif not _same(checkpoint.read(next(runs.rglob("best.json")))[1], expected):
                faults.append("other weights than without kills")
            shutil.rmtree(runs)
        yield f"training, kill {number}", faults


def kill_comparisons(folder: Path, chosen: random.Random) -> Iterator[tuple[str, list[str]]]:
    """Kill the parent of several trainings; whoever is left of them is a fault."""
    for number in range(COMPARISONS):
        which = (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)[number % 3]
        place = folder / str(number)
        place.mkdir()
        process = subprocess.Popen(
            [*RUN, *COMPARE], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chosen.uniform(2, 12))
        family = descendants(process.pid)
        process.send_signal(which)
        process.wait()
        faults = []
        until = time.monotonic() + ENDS_WITHIN
        while left := [pid for pid in family if is_alive(pid)]:
            if time.monotonic() > until:
                faults.append(f"leaves {len(left)} of {len(family)} processes")
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.1)
        yield f"comparison of {1 + len(family)} processes, {which.name}", faults


def descendants(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they started."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs, and does not only wait to be noticed as dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def train(runs: Path) -> Path:
    recipe = Recipe(epochs=4, batch_size=64)
    data = load_data("digits", seed=0)
    job = Job(get("nq"), "nq", "digits-cnn", data, recipe)
    return train_in(runs, job, ExecutionConfig(device="cpu"))


def _start(work) -> int:
    """Begin some work in a process of its own, which has what this one imported."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def _in_child(work) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(_start(work), 0)[1])


def _same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(
        bool((first[name] == second[name]).all()) for name in first
    )
