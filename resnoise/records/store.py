"""Where records are kept: one JSON file in the output directory, whole or not there at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import pandas as pd
from pydantic import ValidationError

from resnoise.errors import RecordError, StorageError
from resnoise.records.record import Record, RecordKey
from resnoise.records.schema import SCHEMA_VERSION, describe
from resnoise.records.training_record import TrainingRecord
from resnoise.utils.files import ensure_directory, exclusive, write_text
from resnoise.utils.reading import JSON_BYTES, parse_json, read_bytes


class RecordStore:
    """The records of one output directory, in `records.json`.

    Args:
        directory: the output directory; made by the first `add` or `check`.

    Examples:
        >>> store = RecordStore("results/tables/cifar10")
        >>> frame = store.frame()
        >>> rows = frame[(frame.method == "nq") & (frame.backend == "norse")]
        >>> rows.set_index("timesteps").accuracy[2].item()
        0.7318
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.path = self.directory / "records.json"
        self._read: tuple[tuple[int, ...], list[Record]] | None = None

    def check(self) -> None:
        """Find out now, not after hours of training, whether records can be added.

        Raises:
            RecordError: the file is not valid.
            StorageError: the directory cannot be made or written.
        """
        ensure_directory(self.directory)
        self.load()

    def load(self) -> list[Record]:
        """All records, in the order in which they were first added; none if there is no file.

        A file that has not changed is not read again.

        Raises:
            RecordError: the file is not valid.
            StorageError: the directory is a file.
        """
        try:
            version = self._version()
            if self._read is not None and self._read[0] == version:
                return list(self._read[1])
            text = read_bytes(self.path, JSON_BYTES)
        except FileNotFoundError:
            return []
        except NotADirectoryError as error:
            raise StorageError(f"{self.directory} is a file; name a directory") from error
        except OSError as error:
            raise RecordError(f"cannot read {self.path} ({error.strerror}); {_WAY_OUT}") from error
        records = _decode(text, self.path)
        self._read = version, records
        return list(records)

    def _version(self) -> tuple[int, ...]:
        """What is another after every change: a write puts a new file in the place of the old."""
        found = self.path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def require(self) -> list[Record]:
        """All records, of which there has to be one.

        Raises:
            RecordError: there is none, or the file is not valid.
        """
        records = self.load()
        if not records:
            raise RecordError(
                f"there are no records in {self.directory}; a comparison to that `out` makes them"
            )
        return records

    def add(self, records: Iterable[Record]) -> None:
        """Add `records`, each in place of the one with its key, if there is one.

        Several processes may add to one store. Nothing is written if the file is not valid.

        Raises:
            RecordError: the file is not valid, or of other weights of the same training.
        """
        added = list(records)
        _refuse_duplicates(added, "the records to add")
        with exclusive(self.directory):
            merged = {record.key: record for record in self.load()}
            for record in added:
                _refuse_other_weights(
                    merged.values(), record.key, record.checkpoint_sha256, self.path
                )
                merged[record.key] = record
            self._write(list(merged.values()))

    def put_last(self, keys: Iterable[RecordKey]) -> None:
        """Put the records of some keys behind all others, in the order of these keys.

        Raises:
            RecordError: the file is not valid.
            KeyError: there is no record of one of the keys.
        """
        with exclusive(self.directory):
            records = {record.key: record for record in self.load()}
            last = [records.pop(key) for key in keys]
            if last:
                self._write([*records.values(), *last])

    def _write(self, records: list[Record]) -> None:
        text = _encode(records)
        if len(text.encode()) > JSON_BYTES:  # which could not be read again
            raise RecordError(f"{self.path} is full; use another `out`")
        write_text(self.path, text)
        self._read = self._version(), records

    def require_same_network(self, key: RecordKey, checkpoint_sha256: str) -> None:
        """Find out before an evaluation whether its records can be added.

        Args:
            key: of one of the records.
            checkpoint_sha256: the hash of the weights to evaluate.

        Raises:
            RecordError: there are records of other weights of the same training.
        """
        _refuse_other_weights(self.load(), key, checkpoint_sha256, self.path)

    def keys(self) -> set[RecordKey]:
        """Keys of all records, to see what is still to be done."""
        return {record.key for record in self.load()}

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __len__(self) -> int:
        return len(self.load())

    def frame(self) -> pd.DataFrame:
        """One row per record, one typed column per field."""
        return frame_from_records(self.load())


def frame_from_records(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record, one column per field; integers that may be missing are `Int64`."""
    frame = pd.DataFrame(
        [record.model_dump() for record in records], columns=list(Record.model_fields)
    )
    return frame.astype(
        {name: _dtype(field.annotation) for name, field in Record.model_fields.items()}
    )


def load_trainings(directory: str | Path) -> list[TrainingRecord]:
    """What the trainings left in `DIRECTORY/trainings/*.json`, by file name; none is fine."""
    return [read_training(path) for path in sorted((Path(directory) / "trainings").glob("*.json"))]


def read_training(path: Path) -> TrainingRecord:
    """What one training left.

    Raises:
        RecordError: the file cannot be read, or is not a valid training record.
    """
    try:
        text = read_bytes(path, JSON_BYTES)
        parse_json(text)
        return TrainingRecord.model_validate_json(text)
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        reason = describe(error) if isinstance(error, ValidationError) else str(error)
        raise RecordError(
            f"{path} is not a valid training record: {reason}; "
            "move it away and run the same command again"
        ) from error


_WAY_OUT = (
    "restore it from version control or a backup, "
    "or move it away and run the same command again to measure anew"
)


def _canonical(records: Sequence[dict]) -> str:
    return json.dumps(records, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(records: Sequence[dict]) -> str:
    return hashlib.sha256(_canonical(records).encode()).hexdigest()


def _encode(records: Sequence[Record]) -> str:
    """One line per record, so that a version-control diff has one line per change."""
    rows = [record.model_dump(mode="json") for record in records]
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    head = f'{{"schema_version": {SCHEMA_VERSION}, "sha256": "{_digest(rows)}", "records": [\n'
    return f"{head}{lines}\n]}}\n"


def _decode(text: bytes, path: Path) -> list[Record]:
    try:
        content = parse_json(text)
    except ValueError as error:
        raise RecordError(f"{path} is truncated or not JSON ({error}); {_WAY_OUT}") from error
    if not isinstance(content, dict) or set(content) != {"schema_version", "sha256", "records"}:
        raise RecordError(
            f"{path} does not hold schema_version, sha256 and records, so it is not a record "
            f"store; {_WAY_OUT}"
        )
    version = content["schema_version"]
    if version != SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema version {version!r}, this resnoise reads {SCHEMA_VERSION}; use the "
            "resnoise that wrote it, or move it away and run the same command again"
        )
    if not isinstance(content["records"], list):
        raise RecordError(f"{path}: expected `records` to be a list; {_WAY_OUT}")
    records = [
        _validate(row, f"{path}: record {index}", f"; {_WAY_OUT}")
        for index, row in enumerate(content["records"])
    ]
    _refuse_duplicates(records, str(path))
    if content["sha256"] != _digest(content["records"]):
        raise RecordError(
            f"{path} was edited by hand: its records do not fit its sha256; {_WAY_OUT}"
        )
    return records


def _validate(row: object, place: str, way_out: str = "") -> Record:
    try:
        return Record.model_validate(row)
    except ValidationError as error:
        raise RecordError(f"{place}, {describe(error)}{way_out}") from error


def _refuse_duplicates(records: Sequence[Record], place: str) -> None:
    first: dict[RecordKey, int] = {}
    for index, record in enumerate(records):
        if record.key in first:
            raise RecordError(
                f"{place}: records {first[record.key]} and {index} are of the same evaluation "
                f"({_spelt(record.key)}); keep one of them"
            )
        first[record.key] = index


def _refuse_other_weights(
    records: Iterable[Record], key: RecordKey, checkpoint_sha256: str, path: Path
) -> None:
    """One seed of a training is one network, whatever it is evaluated as, on and at."""
    for record in records:
        if record.key.network == key.network and record.checkpoint_sha256 != checkpoint_sha256:
            raise RecordError(
                f"{path} holds another network of this training ({_spelt(record.key)}): the "
                f"SHA-256 of its weights is {record.checkpoint_sha256}, now it is "
                f"{checkpoint_sha256}; use another `out`, or move the records away"
            )


def _spelt(key: RecordKey) -> str:
    return ", ".join(f"{name} {value}" for name, value in key._asdict().items())


def _dtype(annotation: object) -> str:
    """The pandas type of a field: `int | None` becomes `Int64`, a dict `object`."""
    optional = False
    while (origin := get_origin(annotation)) in (Annotated, Union, UnionType):
        optional = optional or origin is not Annotated
        annotation = get_args(annotation)[0]
    if annotation is int:
        return "Int64" if optional else "int64"
    return {bool: "bool", float: "float64", str: "str"}.get(annotation, "object")
