"""Weights in `safetensors`, with a JSON file that says what they are; nothing is unpickled.

The JSON file names the weights by their hash and is written last, so a checkpoint is either the
whole of an epoch or not there: a process killed at any moment leaves the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from resnoise.config.nested import differences, sha256_of
from resnoise.errors import CheckpointError
from resnoise.records.schema import Count, Fraction, Name, Place, Positive, Schema, describe
from resnoise.records.training_record import Epoch, Session
from resnoise.utils.files import exclusive, write_bytes, write_text
from resnoise.utils.reading import JSON_BYTES, WEIGHTS_BYTES, parse_json, read_bytes

FORMAT = 1
EPOCH = "epoch-{}"
"""Of the file of every epoch, where they are kept."""
MOMENTUM = "momentum/"
"""Before the names of the optimiser's tensors, which stand with the weights in `last.json`."""
_DIGEST_CHARACTERS = 12
"""Of the hash of the weights, in their file's name."""


class JobInfo(Schema):
    """What was trained: equal jobs give equal networks."""

    training: Name
    architecture: Name
    dataset: Place
    classes: tuple[str, ...]
    shape: tuple[Positive, Positive, Positive]
    seed: Count
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
    method: Name
    job: JobInfo
    epoch: Positive
    best_epoch: Positive
    validation_accuracy: Fraction
    history: list[dict[str, JsonValue]] = Field(description="an `Epoch` each, as it was written")
    start: str = Field("", description="SHA-256 of the weights it started from, if not scratch")
    segments: list[Session] = Field([], description="where its epochs ran; empty if not noted")
    weights: Annotated[str, Field(pattern=r"^[^/\\\x00]*$")] = ""
    sha256: str = Field("", description="of the weights")
    digest: str = Field("", description="SHA-256 of all the rest; empty until it is written")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            epochs = [Epoch.model_validate(row) for row in self.history]
        except ValidationError as error:
            raise ValueError(f"history: {describe(error)}") from error
        if [row.epoch for row in epochs] != list(range(1, len(epochs) + 1)):
            raise ValueError(f"expected a history of epochs 1 to {len(epochs)}, each once")
        if not self.best_epoch <= self.epoch <= len(epochs):
            raise ValueError(
                f"expected best_epoch ≤ epoch ≤ {len(epochs)}, the epochs of the history, but got "
                f"{self.best_epoch} and {self.epoch}"
            )
        if self.validation_accuracy != (there := epochs[self.epoch - 1].validation_accuracy):
            raise ValueError(
                f"expected validation_accuracy {there}, as the history has it of epoch "
                f"{self.epoch}, but got {self.validation_accuracy}"
            )
        return self


def write(path: Path, info: CheckpointInfo, tensors: Mapping[str, Tensor]) -> CheckpointInfo:
    """Write a checkpoint: `path`, ending in `.json`, and its weights next to it.

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
    """Bring the course of the training in a checkpoint of its best epoch up to date.

    Its weights stay.

    Raises:
        CheckpointError: it is missing or damaged, or of another epoch.
    """
    course = {"history": latest.history, "segments": latest.segments}
    with exclusive(path.parent):
        info = read_info(path)
        if info.epoch != latest.best_epoch:
            raise CheckpointError(
                f"expected {path} to be of epoch {latest.best_epoch}, the best one, but got epoch "
                f"{info.epoch}; restore it, or remove the checkpoints next to it to train anew"
            )
        write_text(path, _encode(_sealed(info.model_copy(update=course))))


def read_info(path: Path) -> CheckpointInfo:
    """Read the JSON side of a checkpoint.

    Raises:
        CheckpointError: it is missing, edited, not a checkpoint, or of another format.
    """
    try:
        text = read_bytes(path, JSON_BYTES)
        parse_json(text)
        info = CheckpointInfo.model_validate_json(text)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path} ({error.strerror}): expected the .json file of a checkpoint, "
            "as `resnoise train` writes it"
        ) from error
    except ValueError as error:
        reason = describe(error) if isinstance(error, ValidationError) else str(error)
        raise CheckpointError(f"{path} is not a checkpoint of format {FORMAT}: {reason}") from error
    # Another seed, for one, would have the network tested on images that it was trained on.
    if not info.digest:
        raise CheckpointError(
            f"{path} has no `digest`, without which nobody can tell whether it was edited; train "
            "again or restore the file"
        )
    if info != _sealed(info):
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
        data = read_bytes(weights, WEIGHTS_BYTES)
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
