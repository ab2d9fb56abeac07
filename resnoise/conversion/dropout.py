"""Dropout that a model calls as a function, with the mode it is in as an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from resnoise.conversion.operators import describe
from resnoise.conversion.rectifiers import free_name, replace
from resnoise.errors import PreparationError

FOLLOWS_MODE = "follows_mode"
"""Key of a node's `meta`: whether the call is on in training and off in evaluation."""

# function -> module that computes the same, default probability, default of the mode's argument
_FUNCTIONS: dict[Callable, tuple[type[nn.Module], float, bool]] = {
    F.dropout: (nn.Dropout, 0.5, True),
    F.dropout1d: (nn.Dropout1d, 0.5, True),
    F.dropout2d: (nn.Dropout2d, 0.5, True),
    F.dropout3d: (nn.Dropout3d, 0.5, True),
    F.alpha_dropout: (nn.AlphaDropout, 0.5, False),
    F.feature_alpha_dropout: (nn.FeatureAlphaDropout, 0.5, False),
    torch.dropout: (nn.Dropout, 0.5, True),
}


def without_mode(node: fx.Node) -> tuple[tuple[Any, ...], bool | None]:
    """Arguments of a node, and of dropout whether it is on, apart from them."""
    if node.target not in _FUNCTIONS:
        return (node.args, dict(node.kwargs)), None
    kwargs = dict(node.kwargs)
    default = _FUNCTIONS[node.target][2]
    on = kwargs.pop("train", kwargs.pop("training", default))
    args = node.args
    if len(args) > 2:
        on, args = args[2], (*args[:2], *args[3:])
    return (args, kwargs), on


def keep_dropout_(network: fx.GraphModule) -> None:
    """Turn dropout that follows the model's mode into modules, which do so, too.

    Raises:
        PreparationError: it is on in evaluation.
    """
    modules = dict(network.named_modules())
    for node in list(network.graph.nodes):
        if node.target not in _FUNCTIONS:
            continue
        _, on = without_mode(node)
        if on:
            raise PreparationError(
                f"cannot convert {describe(node, modules)}: it is on in evaluation, too; give it "
                "`training=self.training`"
            )
        kind, p, _ = _FUNCTIONS[node.target]
        follows = node.meta.get(FOLLOWS_MODE, False)
        p = node.args[1] if len(node.args) > 1 else node.kwargs.get("p", p)
        layer = kind(p) if follows else nn.Identity()
        replace(network, node, layer, free_name(network, node))
