"""Hostile files: cut off, edited with the right hash, endless, or no files at all."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.attack.attack import Attack
from tests.attack.ground import Ground, replace, sealed_checkpoint, sealed_records, sparse

EVALUATE = ("evaluate", "checkpoint/best.json", "--timesteps", "1")
REPORT = ("report", "records")
READERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "checkpoint": ("checkpoint", EVALUATE),
    "weights": ("weights", EVALUATE),
    "records": ("records", REPORT),
    "training": ("training", REPORT),
}
VALUES = (
    None, True, -1, 2**31, 2**70, 10**4000, 1e308, float("nan"), float("inf"), "", "../../x",
    "\x1b[31m", "\ud800", "=1+1", "n" * 100_000, [], {}, [[]], {"a": 1},
)  # fmt: skip


def attacks(seed: int = 0) -> Iterator[Attack]:
    """Commands that read one hostile file each."""
    chosen = random.Random(seed)
    for name, (file, command) in READERS.items():
        for what, make in _no_files().items():
            yield Attack(f"{what} for {name}", command, _put(file, make), refused=True)
        for _ in range(8):
            yield Attack(f"a bit of {name} flipped", command, _flip(file, chosen.random()))
            yield Attack(f"{name} cut off", command, _cut(file, chosen.random()), refused=True)
    yield from _fields("checkpoint", _checkpoint_fields, EVALUATE, chosen)
    yield from _fields("records", _record_fields, REPORT, chosen)
    yield from _fields("training", _training_fields, REPORT, chosen)


def _fields(
    name: str, spoil: Callable[..., Callable], command: tuple[str, ...], chosen: random.Random
) -> Iterator[Attack]:
    """Random values of random fields, with the hash that fits."""
    for _ in range(45):
        value = chosen.choice(VALUES)
        told = ascii(value)[:40] if not isinstance(value, int) or value < 2**80 else "10**4000"
        yield Attack(f"{name} with {told}", command, spoil(chosen.random(), value))


def _put(file: str, make: Callable[[Path], object]) -> Callable[[Ground], None]:
    return lambda ground: replace(getattr(ground, file), make)


def _no_files() -> dict[str, Callable[[Path], object]]:
    """What can stand in place of a file, each made at a path."""
    texts = {
        "nothing": b"",
        "nested lists": b"[" * 100_000,
        "nested objects": b'{"a":' * 100_000,
        "an integer of 6,000 digits": b"9" * 6000,
        "an object with one": b'{"a": ' + b"9" * 6000 + b"}",
        "null": b"null",
        "no UTF-8": b'{"a": "\xff"}',
        "NUL bytes": bytes(1000),
    }
    return {
        **{name: lambda path, text=text: path.write_bytes(text) for name, text in texts.items()},
        "a pipe": os.mkfifo,
        "a folder": os.mkdir,
        "a socket": _socket,
        "an endless device": lambda path: path.symlink_to("/dev/zero"),
        "a terminal": lambda path: path.symlink_to("/dev/tty"),
        "a link to nothing": lambda path: path.symlink_to("nowhere"),
        "a link to itself": lambda path: path.symlink_to(path.name),
        "200 MB of zeros": sparse,
    }


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path has at most some hundred characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _flip(file: str, where: float) -> Callable[[Ground], None]:
    def spoil(ground: Ground) -> None:
        path = getattr(ground, file)
        data = bytearray(path.read_bytes())
        data[int(where * len(data))] ^= 1 << int(where * 1e6) % 8
        path.write_bytes(data)

    return spoil


def _cut(file: str, where: float) -> Callable[[Ground], None]:
    def spoil(ground: Ground) -> None:
        path = getattr(ground, file)
        path.write_bytes(path.read_bytes()[: int(where * (path.stat().st_size - 2))])

    return spoil


def _checkpoint_fields(where: float, value: object) -> Callable[[Ground], None]:
    def spoil(ground: Ground) -> None:
        values = json.loads(ground.checkpoint.read_bytes())
        _set_somewhere(values, where, value)
        ground.checkpoint.write_bytes(_written(sealed_checkpoint, values))

    return spoil


def _record_fields(where: float, value: object) -> Callable[[Ground], None]:
    def spoil(ground: Ground) -> None:
        rows = json.loads(ground.records.read_bytes())["records"]
        _set_somewhere(rows[0], where, value)
        ground.records.write_bytes(_written(sealed_records, rows))

    return spoil


def _training_fields(where: float, value: object) -> Callable[[Ground], None]:
    def spoil(ground: Ground) -> None:
        values = json.loads(ground.training.read_bytes())
        _set_somewhere(values, where, value)
        ground.training.write_bytes(_written(json.dumps, values))

    return spoil


def _written(write: Callable, values: object) -> bytes:
    text = write(values)
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _set_somewhere(values: object, where: float, value: object) -> None:
    """Put `value` in place of one of all the nested values, chosen by a number from 0 to 1."""
    places = list(_places(values))
    container, key = places[int(where * len(places))]
    container[key] = value


def _places(values: object) -> Iterator[tuple[dict | list, str | int]]:
    inner = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in inner:
        yield values, key
        if isinstance(value, dict | list):
            yield from _places(value)
