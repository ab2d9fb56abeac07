"""The two sides of a comparison, and the processes that measure them."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from resnoise.check.measurement import Measurement
from resnoise.errors import CheckError

OWN_PACKAGES = ("resnoise", "resnoise_baselines")
_PROBE = Path(__file__).with_name("probe.py")


class Side(NamedTuple):
    """What one side of a comparison runs; all else is this environment's.

    Attributes:
        tree: folder with a `resnoise`.
        library: folder with another version of a library, see `resnoise.check.library`.
    """

    tree: Path
    library: Path | None = None

    @property
    def path(self) -> str:
        """Where it imports from first, as PYTHONPATH has it."""
        folders = (self.library, self.tree)
        return os.pathsep.join(str(folder) for folder in folders if folder is not None)


def working_tree() -> Path:
    """Root of the checkout that this package runs from.

    Raises:
        CheckError: it does not run from a git checkout.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        raise CheckError(
            f"expected resnoise to run from a git checkout, but got {root}; "
            "install it with `pip install --editable .` in one"
        )
    return root


@contextmanager
def own_tree() -> Iterator[Path]:
    """Within the context, the root of this package's checkout, or of a copy without one.

    What is installed from a wheel lies among all other packages, which a side of a comparison may
    not bring with it; the copy has this project's alone.
    """
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="resnoise-") as folder:
        for package in OWN_PACKAGES:
            (place,) = find_spec(package).submodule_search_locations
            shutil.copytree(place, Path(folder, package))
        yield Path(folder)


def fixed_weights(root: Path) -> Path:
    """`best.json` of the weights that the gate simulates.

    Args:
        root: from `own_tree`; a wheel has them inside the package, see `setup.py`.
    """
    in_checkout = root / "results" / "check" / "digits" / "best.json"
    if in_checkout.exists():
        return in_checkout
    return root / "resnoise" / "check" / "weights" / "best.json"


def commit_id(root: Path, name: str) -> str:
    """The hash of a commit, given a branch, a tag or the beginning of a hash.

    Raises:
        CheckError: there is no such commit here.
    """
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if done.returncode:
        raise CheckError(
            f"expected a commit of {root}, but got {name!r}; fetch it "
            "(`git fetch --unshallow` if the clone is shallow) or name another"
        )
    return done.stdout.decode().strip()


def require_clean(root: Path) -> None:
    """Raise `CheckError` if the tree has changes that its commit does not have."""
    changed = _git(root, "status", "--porcelain").stdout.decode().splitlines()
    if changed:
        raise CheckError(
            f"expected a clean tree to record figures of, but {len(changed)} files differ from "
            f"the commit, such as {changed[0][3:]}; commit or stash them first"
        )


@contextmanager
def tree_of(root: Path, commit: str) -> Iterator[Path]:
    """Within the context, a folder with the files of a commit; the checkout is not touched."""
    archive = _git(root, "archive", "--format=tar", commit)
    if archive.returncode:
        raise CheckError(f"cannot read {commit}: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix=f"resnoise-{commit[:8]}-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def probe(side: Side, *arguments: str) -> str:
    """What `resnoise.check.probe` prints when it measures `side`, in a process of its own.

    Raises:
        CheckError: the tree's package cannot be imported, or the process died.
    """
    environment = os.environ | {
        "PYTHONPATH": side.path,
        # One thread: a second one makes times depend on what else the machine does.
        "OMP_NUM_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-P", str(_PROBE), *arguments]
    # The probe ends when its stdin does, which the system closes however this process ends.
    ours, theirs = os.pipe()
    with open(theirs, "wb"), open(ours, "rb") as stdin:
        done = subprocess.run(
            command, cwd=side.tree, env=environment, stdin=stdin, capture_output=True, text=True
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        # Of two sides that are timed together, the file tells which it was.
        places = re.findall(r'File "(.+?)", line \d+', done.stderr)
        raise CheckError(
            f"cannot measure {side.tree}: {lines[-1]}{f' in {places[-1]}' if places else ''}; "
            "expected a `resnoise` that can be imported in this environment: name another base or "
            "library, or install what it needs"
        )
    return done.stdout


def measure(side: Side, checkpoint: Path, parts: Sequence[str]) -> Measurement:
    """Measure the figures of a side, on the weights of `checkpoint`."""
    return Measurement.from_json(probe(side, "figures", str(checkpoint), *parts))


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise CheckError(f"expected to run git, which tells commits apart, but {error}") from error
