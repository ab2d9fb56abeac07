"""What the attacks stand on: a small training, its records, and a folder of photographs."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from resnoise.config.nested import sha256_of
from resnoise.records.store import RecordStore
from tests.attack.outcome import call
from tests.made_up import make_record, make_training

EPOCHS = "1"


class Ground:
    """Files that are as they should be, and copies of them to spoil.

    Args:
        folder: an empty folder; everything is in `inside` of it, and nothing else may change.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inside = folder / "inside"
        self.whole = folder / "whole"
        self.whole.mkdir()
        training = ("--method", "nq", "--epochs", EPOCHS, "--runs", str(self.whole / "runs"))
        done = call(["train", *training], cwd=self.whole)
        assert done.status == 0, done
        (best,) = self.whole.glob("runs/**/best.json")
        best.parent.rename(self.whole / "checkpoint")
        shutil.rmtree(self.whole / "runs")
        records = RecordStore(self.whole / "records")
        records.add([make_record(), make_record(method="qcfs", correct=(1, 0, 1, 0))])
        trainings = self.whole / "records" / "trainings"
        trainings.mkdir()
        (trainings / "nq.json").write_text(make_training().model_dump_json())
        self._photographs()
        self.renew()

    def renew(self) -> None:
        """Put everything in `inside` as it should be."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.inside)
        shutil.copytree(self.whole, self.inside)

    def outside(self) -> set[str]:
        """Everything beside `inside`."""
        found = (path for path in self.folder.rglob("*") if self.inside not in path.parents)
        return {str(path) for path in found}

    @property
    def checkpoint(self) -> Path:
        return self.inside / "checkpoint" / "best.json"

    @property
    def weights(self) -> Path:
        return next(self.checkpoint.parent.glob("best-*.safetensors"))

    @property
    def records(self) -> Path:
        return self.inside / "records" / "records.json"

    @property
    def training(self) -> Path:
        return self.inside / "records" / "trainings" / "nq.json"

    @property
    def photographs(self) -> Path:
        return self.inside / "photographs"

    def _photographs(self) -> None:
        from PIL import Image

        for part in ("train", "test"):
            for index, name in enumerate(("cats", "dogs")):
                folder = self.whole / "photographs" / part / name
                folder.mkdir(parents=True)
                for number in range(12):
                    colour = (20 * number, 100 * index, 50)
                    Image.new("RGB", (9, 9), colour).save(folder / f"{number}.png")


def sealed_checkpoint(values: dict) -> bytes:
    """A checkpoint's JSON with the digest that fits, as somebody who knows how would write it."""
    with suppress(ValueError, RecursionError):  # no digest of what Python cannot write
        values = {**values, "digest": sha256_of({**values, "digest": ""})}
    return _dump(values)


def sealed_records(rows: list) -> bytes:
    """A store's JSON with the hash that fits."""
    import hashlib

    text = json.dumps(rows, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return _dump({"schema_version": 1, "sha256": digest, "records": rows})


def _dump(values: object) -> bytes:
    return json.dumps(values).encode("utf-8", "surrogatepass")


def replace(path: Path, make) -> None:
    """Put something else in place of a file: `make` is called with its path."""
    path.unlink()
    make(path)


def sparse(path: Path) -> None:
    """A file of 200 MB that takes no room."""
    with path.open("wb") as file:
        os.truncate(file.fileno(), 200_000_000)
