"""Per-image results as short text, so that a record can carry the whole test set."""

from __future__ import annotations

import base64
import binascii
import re
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

_LARGEST_ID = np.iinfo(np.int32).max


def pack_correct(correct: ArrayLike) -> str:
    """Base64 of the packed bits of `correct`.

    Args:
        correct: whether each test image was classified correctly, booleans of shape `(N,)`.

    Examples:
        >>> unpack_correct(pack_correct([True, False, True]), 3)
        array([ True, False,  True])
    """
    return base64.b64encode(np.packbits(_vector(correct, np.bool_))).decode("ascii")


def unpack_correct(text: str, n_test: int) -> NDArray[np.bool_]:
    """Undo `pack_correct`: booleans of shape `(n_test,)`; `ValueError` if the length differs."""
    packed = np.frombuffer(_decode(text), dtype=np.uint8)
    bits = np.unpackbits(packed)
    if len(packed) != -(-n_test // 8) or bits[n_test:].any():
        raise ValueError(f"expected {n_test} bits, one per test image, but got {len(packed)} bytes")
    return bits[:n_test].astype(np.bool_)


def pack_test_ids(ids: ArrayLike) -> str:
    """`"start:stop"` for consecutive ids, else base64 of the zlib-compressed int32 ids.

    Args:
        ids: position of each test image in its data set, integers of shape `(N,)`.

    Examples:
        >>> pack_test_ids([5, 6, 7])
        '5:8'
    """
    ids = _ids(_vector(ids, np.int64))
    if len(ids) and (np.diff(ids) == 1).all():
        return f"{ids[0]}:{int(ids[0]) + len(ids)}"
    return base64.b64encode(zlib.compress(ids.astype("<i4").tobytes(), 9)).decode("ascii")


def unpack_test_ids(text: str, n_test: int) -> NDArray[np.int32]:
    """Undo `pack_test_ids`; `ValueError` unless these are `n_test` different ids.

    Returns:
        Position of each test image in its data set, integers of shape `(n_test,)`.
    """
    if ":" in text:
        match = re.fullmatch(r"(\d{1,10}):(\d{1,10})", text, re.ASCII)
        start, stop = map(int, match.groups()) if match else (0, 0)
        count = stop - start  # checked before the range is made: it may be absurd
        ids = np.arange(start, stop) if count == n_test else None
    else:
        # One more than is wanted and no further: a few bytes may unpack to more than the memory.
        try:
            raw = zlib.decompressobj().decompress(_decode(text), 4 * (n_test + 1))
        except zlib.error as error:
            raise ValueError("the test ids do not decompress") from error
        count = len(raw) // 4
        ids = np.frombuffer(raw, dtype="<i4") if len(raw) == 4 * n_test else None
    if ids is None:
        raise ValueError(f"expected {n_test} test ids, but got {count}")
    if len(np.unique(ids)) != n_test:
        raise ValueError("expected every test id once, but some are repeated")
    return _ids(ids)


def _ids(ids: NDArray) -> NDArray[np.int32]:
    if len(ids) and not (ids.min() >= 0 and ids.max() <= _LARGEST_ID):
        raise ValueError(
            f"expected test ids from 0 to {_LARGEST_ID}, but got {ids.min()} to {ids.max()}"
        )
    return ids.astype(np.int32)


def _vector(values: ArrayLike, dtype: type) -> NDArray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"expected an array of shape (N,), but got shape {array.shape}")
    return array.astype(dtype)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("expected base64 text") from error
