"""One attack: how a command ended, and what is wrong with that."""

from __future__ import annotations

import contextlib
import io
import re
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import torch

from resnoise.cli import main

SECONDS = 120
MEMORY_MIB = 1024
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Hang(BaseException):
    """The command took too long; no `except Exception` takes it for something of its own."""


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        status: exit status; None of one that raised.
        stdout, stderr: what it printed.
        raised: what it raised, with the place, if it did.
        seconds: how long it took.
        mebibytes: by how much the largest memory of the process grew.
    """

    status: int | None
    stdout: str
    stderr: str
    raised: str
    seconds: float
    mebibytes: float

    def faults(self) -> list[str]:
        """What is wrong with it, a line each."""
        found = []
        if self.raised:
            found.append(self.raised)
        elif self.status == 1 and not re.fullmatch(r"(warning: .*\n)*error: .*\n", self.stderr):
            found.append(f"not one line of an error: {self.stderr[:300]!r}")
        elif self.status == 2 and "Invalid value" not in self.stderr:
            found.append(f"not understood: {self.stderr[:300]!r}")
        elif self.status not in (0, 1, 2):
            found.append(f"exit status {self.status}")
        if control := _CONTROL.search(self.stdout + self.stderr):
            found.append(f"control character {control[0]!r} on the terminal")
        if self.mebibytes > MEMORY_MIB:
            found.append(f"{self.mebibytes:.0f} MiB")
        return found


def call(arguments: list[str], cwd: Path) -> Outcome:
    """Run `resnoise` in this process, which spares the seconds that importing torch takes."""

    def hang(number: int, frame: object) -> None:
        raise Hang(f"still running after {SECONDS} seconds")

    status, raised, threads = None, "", torch.get_num_threads()
    started, memory = time.monotonic(), _largest_mebibytes()
    before = signal.signal(signal.SIGALRM, hang)
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(io.StringIO()) as stdout,
        contextlib.redirect_stderr(io.StringIO()) as stderr,
        mock.patch.object(sys, "argv", ["resnoise", *arguments]),
    ):
        signal.alarm(SECONDS)
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        except (Exception, Hang) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            message = " ".join(str(error).split())[:200]
            place = f"{Path(last.filename).name}:{last.lineno}"
            raised = f"{type(error).__name__} at {place}: {message}"
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            torch.set_num_threads(threads)
    grown = _largest_mebibytes() - memory
    seconds = time.monotonic() - started
    return Outcome(status, stdout.getvalue(), stderr.getvalue(), raised, seconds, grown)


def _largest_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
