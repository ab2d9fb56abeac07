"""The command line; `resnoise --help` lists its verbs."""

from __future__ import annotations

import sys
import warnings

from resnoise.cli import (  # noqa: F401 - they add their verbs to the app
    beside,
    check,
    commands,
    doctor,
    export,
    packs,
    publishing,
    studies,
)
from resnoise.cli.application import STOPPED, app
from resnoise.cli.messages import print_error, print_stopped, print_warning
from resnoise.errors import ResnoiseError, Stopped
from resnoise.utils.processes import exit_on_signals

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; an error of the user's is one line on stderr and exit status 1."""
    warnings.showwarning = lambda message, category, *rest: print_warning(message)
    try:
        with exit_on_signals():
            app()
    except Stopped as stopped:
        print_stopped(stopped)
        sys.exit(STOPPED)
    except ResnoiseError as error:
        print_error(error)
        sys.exit(1)
    except (MemoryError, RuntimeError) as error:
        if not _is_of_memory(error):
            raise
        print_error("out of memory: use fewer time steps, smaller batches or fewer --jobs")
        sys.exit(1)


def _is_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether NumPy or torch say that there is not as much memory as was asked for."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or "can't allocate memory" in said
        or "out of memory" in said
        or "Storage size calculation overflowed" in said
    )
