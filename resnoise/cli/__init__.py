"""The command line; `resnoise --help` lists its verbs."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from resnoise.cli import (  # noqa: F401 - they add their verbs to the app
    beside,
    check,
    compare,
    doctor,
    evaluate,
    export,
    fine_tune,
    listing,
    packs,
    publishing,
    studies,
    train,
)
from resnoise.cli.application import STOPPED, app
from resnoise.cli.messages import print_error, print_stopped, print_warning
from resnoise.errors import ResnoiseError, Stopped
from resnoise.utils.processes import exit_on_signals

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; an error of the user's is one line on stderr and exit status 1."""
    warnings.showwarning = lambda message, category, *rest: print_warning(message)
    _keep_compiled_code()
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


def _keep_compiled_code() -> None:
    """Have torch's compiler keep its code where caches belong, not among the temporary files.

    Torch makes that folder when it is imported, whether or not it compiles, and never removes it.
    """
    try:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(caches) / "resnoise" / "compiler"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or one that cannot be written to
        return
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def _is_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether NumPy or torch say that there is not as much memory as was asked for."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or "can't allocate memory" in said
        or "out of memory" in said
        or "Storage size calculation overflowed" in said
    )
