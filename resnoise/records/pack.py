"""Trainings and records in one file of a given size, to copy off a borrowed machine.

A pack is a `.tar.gz` that `tar` reads as well. Each file in it is compressed alone, so its size is
known before it is added; what is worth most comes first: records, then the best weights of each
training, the smallest first, then logs, then what a training resumes from. Of a finished training
the best weights are enough, and that it is finished is told with them.
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from resnoise.errors import ConfigError, StorageError
from resnoise.utils.files import ensure_directory, exclusive, write_bytes
from resnoise.utils.reading import WEIGHTS_BYTES, read_bytes
from resnoise.utils.text import is_plain

MOST_BYTES = WEIGHTS_BYTES
"""That a pack may have unpacked."""
_END = gzip.compress(b"\0" * 2 * tarfile.BLOCKSIZE, mtime=0)
_WORTH = ("records.json", "trainings/*.json", "best.json", "*.log", "*.csv", "*.md", "*.txt")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


class Packed(NamedTuple):
    """What became of each file, by its path in the folder.

    Attributes:
        kept: in the pack.
        left_out: for want of space.
        size: bytes of the pack.
    """

    kept: list[str]
    left_out: list[str]
    size: int


def size_in_bytes(text: str) -> int:
    """Bytes from text such as `30M`.

    Raises:
        ConfigError: it is no size.

    Examples:
        >>> size_in_bytes("2K")
        2048
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)B?", text.strip(), re.IGNORECASE)
    if not found or not float(found[1]):
        raise ConfigError(f"expected a size such as 500K, 30M or 1G, but got {text!r}")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def pack(folder: Path, target: Path, max_size: int) -> Packed:
    """Pack what is worth most in a folder of trainings or records.

    Args:
        folder: what to pack, with all folders in it.
        target: the file to write, `.tar.gz`.
        max_size: bytes that it may have.

    Raises:
        ConfigError: there is nothing to pack, or not even the first of it fits.
        StorageError: a file cannot be read, or the pack not be written.
    """
    if not folder.is_dir():
        raise ConfigError(f"expected a folder to pack, but {folder} is not a folder")
    pieces = sorted(_pieces(folder, target), key=lambda piece: piece.worth)
    content, kept, left_out = [], [], []
    size = len(_END)
    for piece in pieces:
        members = b"".join(_member(folder, name) for name in piece.names)
        if size + len(members) > max_size:
            left_out += piece.names
            continue
        content.append(members)
        kept += piece.names
        size += len(members)
    if not kept:
        found = f"none of {len(left_out)} files fits" if left_out else "there are none in it"
        raise ConfigError(
            f"expected files of {folder} for a pack of {max_size} bytes, but {found}; give "
            "`max_size` more, or name another folder"
        )
    ensure_directory(target.parent)
    with exclusive(target.parent):
        write_bytes(target, b"".join([*content, _END]))
    return Packed(kept, left_out, size)


class _Piece(NamedTuple):
    """Files that are of use together, and their place in the order."""

    worth: tuple[int, int, str]
    names: list[str]


def _pieces(folder: Path, target: Path) -> Iterator[_Piece]:
    # Weights go with the checkpoint that names them; those that none names are being replaced.
    target = target.resolve()
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.is_symlink() or not path.is_file() or path.resolve() == target:
            continue
        if path.suffix == ".safetensors":
            continue
        paths = [path, *_weights_of(path)]
        last = path.with_name("last.json")
        if path.name == "best.json" and _is_finished(last):
            paths.append(last)
        elif path == last and _is_finished(last):
            paths.remove(last)
        if not paths:
            continue
        worth = next((index for index, kind in enumerate(_WORTH) if path.match(kind)), len(_WORTH))
        size = sum(one.stat().st_size for one in paths)
        names = [one.relative_to(folder).as_posix() for one in paths]
        yield _Piece((worth, size, names[0]), names)


def _is_finished(last: Path) -> bool:
    """Whether a `last.json` is of the last epoch of a training whose best is beside it."""
    said = _said(last)
    try:
        finished = said["epoch"] >= said["job"]["recipe"]["epochs"]
    except (KeyError, TypeError):
        return False
    return finished and last.with_name("best.json").is_file()


def _weights_of(path: Path) -> Sequence[Path]:
    name = _said(path).get("weights")
    if not isinstance(name, str) or PurePosixPath(name).name != name:
        return ()
    weights = path.with_name(name)
    return (weights,) if weights.is_file() and not weights.is_symlink() else ()


def _said(path: Path) -> dict[str, Any]:
    """What a JSON file says; nothing if it is none, or no object."""
    if path.suffix != ".json" or path.is_symlink():
        return {}
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _member(folder: Path, name: str) -> bytes:
    try:
        data = read_bytes(folder / name, WEIGHTS_BYTES)
    except OSError as error:
        raise StorageError(f"cannot read {folder / name} ({error.strerror})") from error
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(data), 0o644
    padding = b"\0" * (-len(data) % tarfile.BLOCKSIZE)
    return gzip.compress(header.tobuf(tarfile.PAX_FORMAT) + data + padding, mtime=0)


def unpack(source: Path, folder: Path) -> list[str]:
    """Unpack into a folder; nothing is written unless all of the pack is sound.

    Files that are there already with the same content stay; others are not written over.

    Args:
        source: a pack.
        folder: where to, made if it is not there.

    Returns:
        The paths in the folder.

    Raises:
        StorageError: it is no pack, truncated or damaged, has links, devices or paths that lead
            elsewhere, or holds more than a pack may; or a file of other contents is there.
    """
    try:
        with tarfile.open(source, "r:gz") as archive:
            files = dict(_checked(archive, source))
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise StorageError(f"{source} is no pack, truncated or damaged: {error}") from error
    for name, data in files.items():
        place = folder / name
        for above in (place, *place.parents):
            if above == folder:
                break
            if above.is_symlink():
                raise StorageError(f"{above} is a link; unpack into another folder")
        if place.exists() and (not place.is_file() or place.read_bytes() != data):
            raise StorageError(f"{place} exists with other contents; unpack into another folder")
    for name, data in files.items():
        place = folder / name
        with exclusive(place.parent):
            write_bytes(place, data)
    return list(files)


def _checked(archive: tarfile.TarFile, source: Path) -> Iterator[tuple[str, bytes]]:
    total, seen = 0, set()
    for member in archive:
        path = PurePosixPath(member.name)
        inside = not path.is_absolute() and ".." not in path.parts and "\\" not in member.name
        if not member.isreg() or not inside or not is_plain(member.name) or path in seen:
            raise StorageError(
                f"{source} has {member.name[:200]!r}, which is no file of a pack; do not unpack it"
            )
        seen.add(path)
        total += member.size
        if member.size < 0 or total > MOST_BYTES:
            raise StorageError(f"{source} holds more than a pack may; do not unpack it")
        data = archive.extractfile(member).read(member.size + 1)
        if len(data) != member.size:
            raise StorageError(f"{source} is truncated; pack again")
        yield path.as_posix(), data
    # An archive ends in two blocks of zeros. tarfile takes damage for its end, and reads one block;
    # what gzip has summed up is compared at the end of the file.
    rest = archive.fileobj.read(tarfile.RECORDSIZE + 1)
    if not tarfile.BLOCKSIZE <= len(rest) <= tarfile.RECORDSIZE or any(rest):
        raise StorageError(f"{source} is truncated or damaged; pack again")
