"""Weights in `safetensors` beside a JSON file that says what they are; nothing is unpickled.

The JSON file names the weights by their hash and is written last, so a checkpoint is either the
whole of an epoch or not there: a process killed at any moment leaves the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from resnoise.config.nested import differences, sha256_of
from resnoise.errors import CheckpointError
from resnoise.records.schema import Schema
from resnoise.records.training_record import Session
from resnoise.utils.files import exclusive, write_bytes, write_text

FORMAT = 1
MOMENTUM = "momentum/"
"""Before the names of the optimiser's tensors, which stand beside the weights in `last.json`."""
_DIGEST_CHARACTERS = 12
"""Of the hash of the weights, in their file's name."""


class JobInfo(Schema):
    """What was trained: equal jobs give equal networks."""

    training: str
    architecture: str
    dataset: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    seed: int
    recipe: dict[str, JsonValue]
    data_sha256: str = Field("", description="of images and labels; empty if not noted")
    model_sha256: str = Field(
        "", description="of what a model of one's own computes; empty for others, or if not noted"
    )


class CheckpointInfo(Schema):
    """The JSON side of a checkpoint: what was trained, which epoch the weights are of, and how the
    whole training went so far.
    """

    format: Literal[1] = FORMAT
    method: str
    job: JobInfo
    epoch: Annotated[int, Field(ge=1)]
    best_epoch: Annotated[int, Field(ge=1)]
    validation_accuracy: float
    history: list[dict[str, JsonValue]]
    start: str = Field("", description="SHA-256 of the weights it started from, if not scratch")
    segments: list[Session] = Field([], description="where its epochs ran; empty if not noted")
    weights: Annotated[str, Field(pattern=r"^[^/\\\x00]*$")] = ""
    sha256: str = Field("", description="of the weights")
    digest: str = Field("", description="SHA-256 of all the rest; empty in files before it was")


def write(path: Path, info: CheckpointInfo, tensors: Mapping[str, Tensor]) -> CheckpointInfo:
    """Write a checkpoint: `path`, ending in `.json`, and its weights beside it.

    Returns:
        `info` with the name and the hash of the weights filled in.

    Raises:
        StorageError: the directory cannot be written to.
    """
    # Copies, since what shares its memory with another, as tied weights do, is not saved.
    data = save({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()})
    sha256 = hashlib.sha256(data).hexdigest()
    weights = path.with_name(f"{path.stem}-{sha256[:_DIGEST_CHARACTERS]}.safetensors")
    info = _sealed(info.model_copy(update={"weights": weights.name, "sha256": sha256}))
    with exclusive(path.parent):
        write_bytes(weights, data)
        write_text(path, _encode(info))
        name = f"{path.stem}-{'?' * _DIGEST_CHARACTERS}.safetensors"
        for old in [*path.parent.glob(name), *path.parent.glob(f".{name}.tmp")]:
            if old != weights:
                old.unlink()
    return info


def amend(path: Path, latest: CheckpointInfo) -> None:
    """Bring the course of the training in a checkpoint up to date; its weights stay."""
    course = {"history": latest.history, "segments": latest.segments}
    with exclusive(path.parent):
        write_text(path, _encode(_sealed(read_info(path).model_copy(update=course))))


def read_info(path: Path) -> CheckpointInfo:
    """Read the JSON side of a checkpoint.

    Raises:
        CheckpointError: it is missing, edited, not a checkpoint, or of another format.
    """
    try:
        info = CheckpointInfo.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path} ({error.strerror}): expected the .json file of a checkpoint, "
            "as `resnoise train` writes it"
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise CheckpointError(f"{path} is not a checkpoint of format {FORMAT}: {reason}") from error
    # Another seed, for one, would have the network tested on images that it was trained on.
    if info.digest and info != _sealed(info):
        raise CheckpointError(
            f"{path} was edited: its SHA-256 is not the `digest` in it; "
            "train again or restore the file"
        )
    return info


def read(path: Path) -> tuple[CheckpointInfo, dict[str, Tensor]]:
    """Read a checkpoint whole, and check the weights against their hash.

    Raises:
        CheckpointError: a file is missing, truncated or edited.
    """
    info = read_info(path)
    if not (path.parent / info.weights).exists():
        info = read_info(path)  # a training that wrote its next epoch meanwhile took them away
    weights = path.parent / info.weights
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {weights} ({error.strerror}): {path.name} names it as its weights"
        ) from error
    if hashlib.sha256(data).hexdigest() != info.sha256:
        raise CheckpointError(
            f"{weights} is truncated or edited: its SHA-256 is not the one in {path.name}; "
            "train again or restore the file"
        )
    try:
        return info, load(data)
    except SafetensorError as error:
        raise CheckpointError(f"{weights} is not a safetensors file: {error}") from error


def require_job(info: CheckpointInfo, job: JobInfo, path: Path) -> None:
    """Raise `CheckpointError` unless the checkpoint at `path` is one of `job`."""
    unknown = _not_noted(info.job)
    wanted, found = (one.model_dump(exclude=unknown) for one in (job, info.job))
    if changed := differences(wanted, found):
        field, (expected, got) = next(iter(changed.items()))
        raise CheckpointError(
            f"{path} is of another training: expected {field} {expected}, "
            f"but got {got}; name another directory or remove this one"
        )


def _sealed(info: CheckpointInfo) -> CheckpointInfo:
    rest = {**_values(info), "digest": ""}
    return info.model_copy(update={"digest": sha256_of(rest)})


def _encode(info: CheckpointInfo) -> str:
    return json.dumps(_values(info), indent=1) + "\n"


def _values(info: CheckpointInfo) -> dict[str, Any]:
    # Left out where there is none, so that a field of tomorrow does not change a file of today.
    optional = ("start", "segments", "digest")
    unused: dict[str, Any] = {name: True for name in optional if not getattr(info, name)}
    if not_noted := _not_noted(info.job):
        unused["job"] = not_noted
    return info.model_dump(mode="json", exclude=unused)


def _not_noted(job: JobInfo) -> set[str]:
    return {name for name in ("data_sha256", "model_sha256") if not getattr(job, name)}


def load_state_(network: Any, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load the weights of a checkpoint into a network, all of them or none.

    The optimiser's tensors, which may be among `tensors`, are left out.

    Raises:
        CheckpointError: names or shapes do not fit: the checkpoint is of another architecture.
    """
    expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    weights = {name: t for name, t in tensors.items() if not name.startswith(MOMENTUM)}
    got = {name: tuple(t.shape) for name, t in weights.items()}
    if expected != got:
        odd = next(n for n in sorted(expected | got) if expected.get(n) != got.get(n))
        raise CheckpointError(
            f"{path} is of another architecture: expected `{odd}` of shape "
            f"{expected.get(odd, 'none')}, but got {got.get(odd, 'none')}"
        )
    network.load_state_dict(weights)


EPOCH = "epoch-{}"
