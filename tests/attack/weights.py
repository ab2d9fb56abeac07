"""Hostile weights: values that no training leaves, with the right hash and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from tests.attack.attack import Attack
from tests.attack.files import EVALUATE
from tests.attack.ground import Ground, sealed_checkpoint


def attacks() -> Iterator[Attack]:
    """Evaluations and conversions of checkpoints with one odd tensor each."""
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        "NaN": lambda tensor: tensor * float("nan"),
        "infinite": lambda tensor: tensor + float("inf"),
        "one NaN": _one_nan,
        "of another shape": lambda tensor: tensor.unsqueeze(0),
        "integers": lambda tensor: tensor.to(torch.int32),
        "complex": lambda tensor: tensor.to(torch.complex64),
        "in double": lambda tensor: tensor.double(),
        "in half": lambda tensor: tensor.half(),
        "booleans": lambda tensor: tensor > 0,
    }
    names = ("0.weight", "1.running_mean", "2.raw_threshold", "2.sigma")
    for change, make in changes.items():
        for name in names:
            yield _attack(f"{name} {change}", name, make)
    for name in ("1.running_var", "2.sigma"):
        yield _attack(f"{name} negative", name, lambda tensor: -tensor - 1)
    yield _attack("0.weight left out", "0.weight", lambda tensor: None)
    yield _attack("another tensor", "other", lambda tensor: torch.ones(1))


def _attack(name: str, key: str, make: Callable) -> Attack:
    def spoil(ground: Ground) -> None:
        tensors = load_file(ground.weights)
        key_there = next((found for found in tensors if found.endswith(key)), key)
        changed = make(tensors.pop(key_there, None))
        if changed is not None:
            tensors[key_there] = changed
        data = save(tensors)
        ground.weights.write_bytes(data)
        values = json.loads(ground.checkpoint.read_bytes())
        values["sha256"] = hashlib.sha256(data).hexdigest()
        ground.checkpoint.write_bytes(sealed_checkpoint(values))

    return Attack(f"weights: {name}", EVALUATE, spoil, refused=True)


def _one_nan(tensor: Tensor) -> Tensor:
    changed = tensor.clone()
    changed.view(-1)[0] = float("nan")
    return changed
