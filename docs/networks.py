"""Writes the manifest of networks by name from the committed checkpoints and tables.

    python -m docs.networks [--collect FOLDER]

With a folder, it also copies the files there under the names that a release publishes them by; the
address of those goes into the manifest when the package is built, see `setup.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from docs.sources import ROOT
from resnoise.networks.manifest import Manifest, Network
from resnoise.records.record import Record
from resnoise.records.store import RecordStore
from resnoise.training.checkpoint import read_info

MANIFEST = ROOT / "resnoise" / "networks" / "manifest.json"
CHECKPOINTS = ROOT / "results" / "checkpoints"


def manifest() -> Manifest:
    """The manifest of what is committed."""
    rows = _rows()
    found = {}
    for path in sorted(CHECKPOINTS.glob("*/*/best.json")):
        info = read_info(path)
        own = [row for row in rows.get(info.sha256, ()) if row.method == info.method]
        name = f"{info.job.dataset}-{info.job.architecture}-{path.parent.name}"
        found[name] = Network(
            folder=path.parent.relative_to(CHECKPOINTS).as_posix(),
            json_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            weights=info.weights,
            weights_sha256=info.sha256,
            bytes=path.with_name(info.weights).stat().st_size,
            method=info.method,
            architecture=info.job.architecture,
            dataset=info.job.dataset,
            seed=info.job.seed,
            recipe=info.job.recipe,
            validation_accuracy=info.validation_accuracy,
            ann_accuracy=own[0].ann_accuracy if own else None,
            accuracy={row.timesteps: row.accuracy for row in own},
        )
    return Manifest(networks=found)


def encoded(made: Manifest) -> str:
    """The text of the file."""
    return json.dumps(made.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def collect(made: Manifest, folder: Path) -> None:
    """Copy the files of all networks to a folder, as `resnoise.networks` fetches them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in made.networks.items():
        source = CHECKPOINTS / network.folder
        shutil.copy(source / "best.json", folder / f"{name}.json")
        shutil.copy(source / network.weights, folder)


def _rows() -> dict[str, list[Record]]:
    """Records by the hash of the weights that they are of, one for each method and T."""
    kept: dict[tuple[str, str, int], Record] = {}
    for path in sorted((ROOT / "results" / "tables").glob("*/records.json")):
        for row in RecordStore(path.parent).load():
            kept.setdefault((row.checkpoint_sha256, row.method, row.timesteps), row)
    rows: dict[str, list[Record]] = {}
    for (sha256, *_), row in sorted(kept.items()):
        rows.setdefault(sha256, []).append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collect", type=Path, help="folder to copy the files to")
    arguments = parser.parse_args()
    made = manifest()
    MANIFEST.write_text(encoded(made), encoding="utf-8")
    if arguments.collect is not None:
        collect(made, arguments.collect)


if __name__ == "__main__":
    main()
