"""Commands as a user gives them, in this process or in one of their own."""

import contextlib
import io
import subprocess
import sys
import warnings
from unittest import mock

import torch

from resnoise.cli import main

RUN = [sys.executable, "-c", "from resnoise.cli import main; main()"]


def resnoise(*arguments, cwd, status=0):
    """Run `resnoise` in this process, which spares the seconds that importing torch takes.

    It must end with `status`. What it prints is returned as that of a process would be, and the
    settings that it leaves to its process are put back.
    """
    argv = ["resnoise", *map(str, arguments)]
    threads = torch.get_num_threads()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(io.StringIO()) as stdout,
        contextlib.redirect_stderr(io.StringIO()) as stderr,
        warnings.catch_warnings(),
        mock.patch.object(sys, "argv", argv),
    ):
        ended = 0
        # Pytest shows warnings that are for developers; Python itself does not.
        for category in (DeprecationWarning, PendingDeprecationWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)
        try:
            main()
        except SystemExit as end:
            ended = end.code or 0
        finally:
            torch.set_num_threads(threads)
    done = subprocess.CompletedProcess(argv, ended, stdout.getvalue(), stderr.getvalue())
    assert ended == status, done.stdout + done.stderr
    return done


def run(*arguments):
    """Run `resnoise` with these arguments, which must succeed, and return what it prints."""
    return resnoise(*arguments, cwd=".").stdout


def resnoise_process(*arguments, cwd, status=0):
    """The same as `resnoise` in a process of its own."""
    done = subprocess.run(
        [*RUN, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done
