"""Maximum pools become average pools: a maximum over spikes is not the maximum over rates."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import fx, nn
from torch.nn import functional as F

from resnoise.conversion.rectifiers import free_name, replace
from resnoise.errors import PreparationError

_MAX_TO_AVG: dict[type[nn.Module], type[nn.Module]] = {
    nn.MaxPool1d: nn.AvgPool1d,
    nn.MaxPool2d: nn.AvgPool2d,
    nn.MaxPool3d: nn.AvgPool3d,
    nn.AdaptiveMaxPool1d: nn.AdaptiveAvgPool1d,
    nn.AdaptiveMaxPool2d: nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool3d: nn.AdaptiveAvgPool3d,
}
# The functional pools are wrappers around these names, which is what a trace sees of them.
_MAX_FUNCTIONS: dict[Callable, type[nn.Module]] = {
    F.max_pool1d: nn.MaxPool1d,
    F.max_pool2d: nn.MaxPool2d,
    F.max_pool3d: nn.MaxPool3d,
    torch.max_pool1d: nn.MaxPool1d,
    torch.max_pool2d: nn.MaxPool2d,
    torch.max_pool3d: nn.MaxPool3d,
}

# In their order, which is not that of the modules.
_POOL_ARGUMENTS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")


def average_instead_of_maximum_(network: fx.GraphModule) -> None:
    """Replace every maximum pool of a traced model by an average pool, with a warning.

    Raises:
        PreparationError: a pool is dilated or returns indices, as no average pool does.
    """
    modules = dict(network.named_modules())
    for node in list(network.graph.nodes):
        _average_instead_of_maximum(network, node, modules)


def _average_instead_of_maximum(
    network: fx.GraphModule, node: fx.Node, modules: dict[str, nn.Module]
) -> None:
    if node.op == "call_module" and type(modules.get(node.target)) in _MAX_TO_AVG:
        pool = modules[node.target]
        name = node.target
    elif node.op == "call_function" and node.target in _MAX_FUNCTIONS:
        given = dict(zip(_POOL_ARGUMENTS, node.args[1:], strict=False))
        pool = _MAX_FUNCTIONS[node.target](**given, **node.kwargs)
        name = free_name(network, node)
    else:
        return
    replace(network, node, _average_pool(pool, name), name)
    warnings.warn(
        f"{type(pool).__name__} `{name}` is replaced by an average pool: spiking neurons have no "
        "maximum over time",
        stacklevel=4,
    )


def _average_pool(pool: nn.Module, name: str) -> nn.Module:
    if getattr(pool, "return_indices", False):
        raise PreparationError(f"cannot replace `{name}` by an average pool: it returns indices")
    average = _MAX_TO_AVG[type(pool)]
    if hasattr(pool, "output_size"):
        return average(pool.output_size)
    dilation = pool.dilation if isinstance(pool.dilation, tuple) else (pool.dilation,)
    if set(dilation) != {1}:
        raise PreparationError(f"cannot replace `{name}` by an average pool: it is dilated")
    return average(pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode)
