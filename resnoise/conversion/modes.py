"""Whether a model computes the same in training as in evaluation, by two traces of it."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.dropout import FOLLOWS_MODE, without_mode
from resnoise.conversion.operators import describe


def difference(evaluation: fx.Graph, training: fx.Graph, model: nn.Module) -> str | None:
    """Where two traces of a model differ; notes in the first which dropout follows the mode."""
    places: dict[fx.Node, int] = {}
    modules = dict(model.named_modules())
    for place, (one, other) in enumerate(zip(evaluation.nodes, training.nodes, strict=False)):
        places[one] = places[other] = place
        if not _same_operation(one, other, places, model):
            node = other if other.op.startswith("call") else one
            if not node.op.startswith("call"):
                return "it computes otherwise in training than in evaluation"
            return f"only in training or only in evaluation it has {describe(node, modules)}"
        one.meta[FOLLOWS_MODE] = without_mode(one)[1] != without_mode(other)[1]
    if len(evaluation.nodes) != len(training.nodes):
        return "it computes otherwise in training than in evaluation"
    return None


def _same_operation(
    one: fx.Node, other: fx.Node, places: Mapping[fx.Node, int], model: nn.Module
) -> bool:
    if one.op != other.op:
        return False
    if one.op == "get_attr":
        return _same_tensor(_attribute(model, one.target), _attribute(model, other.target))
    read = (fx.map_arg(without_mode(node)[0], places.get) for node in (one, other))
    return one.target == other.target and repr(next(read)) == repr(next(read))


def _attribute(model: nn.Module, path: str) -> Any:
    return operator.attrgetter(path)(model)


def _same_tensor(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one is other or (one.shape == other.shape and torch.equal(one, other))
    return one is other
