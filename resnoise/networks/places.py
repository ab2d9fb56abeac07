"""Where the files of a network are: in a checkout, in a package, in a cache, or at an address."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from resnoise.errors import CheckpointError
from resnoise.networks.manifest import Manifest, Network
from resnoise.utils.files import exclusive, write_bytes
from resnoise.utils.reading import JSON_BYTES, WEIGHTS_BYTES, read_bytes

INFO = "best.json"
CACHE = "RESNOISE_CACHE"
"""Variable of the environment that names another folder for what is fetched."""
_PACKAGE = "resnoise_networks"
_SECONDS = 60


def find(name: str, manifest: Manifest) -> Path:
    """The `best.json` of a network, see `resnoise.networks.locate`."""
    network = manifest.networks[name]
    cached = cache() / name / network.weights_sha256 / INFO
    places = [*(root / network.folder / INFO for root in _roots()), cached]
    there = [path for path in places if path.exists()]
    for path in there:
        # Of the weights `resnoise.training.checkpoint.read` checks the hash in turn.
        if hashlib.sha256(read_bytes(path, JSON_BYTES)).hexdigest() == network.json_sha256:
            return path
    if manifest.url:
        _fetch(name, network, manifest.url, cached)
        return cached
    if there:
        raise CheckpointError(
            f"{there[0]} is not the file of the manifest: its SHA-256 is another; restore the "
            "file, or install the resnoise-networks of this version"
        )
    raise CheckpointError(
        f"the files of {name} are not on this machine, and published nowhere: pip install "
        "'resnoise[networks]', or run from a checkout that has results/checkpoints, with `git "
        "sparse-checkout add /results/checkpoints` where that was left out"
    )


def cache() -> Path:
    """Folder of what was fetched."""
    if given := os.environ.get(CACHE):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resnoise"


def _roots() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[2] / "results" / "checkpoints"
    if spec := find_spec(_PACKAGE):
        yield from map(Path, spec.submodule_search_locations or ())


def _fetch(name: str, network: Network, url: str, target: Path) -> None:
    """Fetch both files and check them before either is kept; the JSON file is written last."""
    wanted = (
        (f"{name}.json", network.json_sha256, JSON_BYTES, target),
        (network.weights, network.weights_sha256, network.bytes, target.with_name(network.weights)),
    )
    contents = [_download(f"{url}/{file}", sha256, size) for file, sha256, size, _ in wanted]
    with exclusive(target.parent):
        for (*_, path), content in reversed([*zip(wanted, contents, strict=True)]):
            write_bytes(path, content)


def _download(url: str, sha256: str, at_most: int) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            content = answer.read(min(at_most, WEIGHTS_BYTES) + 1)
    # URLError and a broken connection are of the first, an answer that is no HTTP of the second.
    except (OSError, HTTPException, ValueError) as error:
        raise CheckpointError(
            f"cannot fetch {url}: {str(error).strip()}; try again, or pip install "
            "'resnoise[networks]'"
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(
            f"what {url} gives is not the file of the manifest: its SHA-256 is another; try again, "
            "or install a newer resnoise"
        )
    return content
