"""Hostile folders of images: names that are no text, files that are no images or no files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.attack.attack import Attack
from tests.attack.ground import Ground

# On a device that there is not: what is let through ends in a line of its own, after reading.
TRAIN = (
    "train", "--dataset", "imagefolder:photographs", "--architecture", "resnet20", "--runs", "runs",
    "--set", "epochs=1", "--set", "batch_size=8", "--set", "augmentation=none", "--image-size", "8",
    "--device", "cuda:99",
)  # fmt: skip


def attacks() -> Iterator[Attack]:
    """Trainings on a folder that one thing is wrong with."""
    contents = {
        "empty": b"",
        "text": b"no image",
        "header alone": b"\x89PNG\r\n\x1a\n",
        "a bomb of 10^10 pixels": _png_of(100_000),
    }
    for name, data in contents.items():
        yield _attack(f"an image that is {name}", lambda path, data=data: path.write_bytes(data))
    for name, make in {
        "a pipe": os.mkfifo,
        "a folder": os.mkdir,
        "a device": lambda path: path.symlink_to("/dev/zero"),
        "a link to nothing": lambda path: path.symlink_to("nowhere"),
        "a link to itself": lambda path: path.symlink_to(path.name),
    }.items():
        yield _attack(f"an image that is {name}", make)
    for name in (b"\xff.png", b"\x1b[31m.png", b"a\nb.png", b"=1+1.png"):
        yield _attack(f"an image named {name!r}", lambda path, name=name: _named(path, name))
    for name in (b"\xff", b"\x1b[31m", b"..png"):
        yield _attack(f"a class named {name!r}", lambda path, name=name: _class(path, name))


def _attack(name: str, make: Callable[[Path], object]) -> Attack:
    def spoil(ground: Ground) -> None:
        path = ground.photographs / "test" / "cats" / "0.png"
        kept = path.read_bytes()
        path.unlink()
        make(path)
        if not os.path.lexists(path):
            path.write_bytes(kept)

    return Attack(name, TRAIN, spoil, refused=True)


def _named(path: Path, name: bytes) -> None:
    other = os.path.join(os.fsencode(path.parent), name)
    with open(other, "wb") as file:
        file.write((path.parent / "1.png").read_bytes())


def _class(path: Path, name: bytes) -> None:
    for part in ("train", "test"):
        folder = os.path.join(os.fsencode(path.parents[2]), part.encode(), name)
        os.mkdir(folder)
        with open(os.path.join(folder, b"0.png"), "wb") as file:
            file.write((path.parent / "1.png").read_bytes())


def _png_of(side: int) -> bytes:
    """The beginning of a PNG that says how many pixels it has."""
    import struct
    import zlib

    chunk = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    length, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + length + chunk + check
