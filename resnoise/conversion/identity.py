"""What a model computes, as text by which two models are told apart."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx, nn

from resnoise.conversion.activation import QuantisedReLU
from resnoise.conversion.operators import BATCH_NORMS, call_name


def computation(network: fx.GraphModule) -> list[str]:
    """A line for each operation: what it is, its settings, and the operations that it reads.

    Parameters are there by shape, since training gives them their values, as it does the statistics
    of BatchNorm; all other buffers and constants are there by value. Names that tracing makes up
    are left out, which may be others in another version of PyTorch.

    Args:
        network: from `resnoise.prepare`.
    """
    places = {node: f"%{place}" for place, node in enumerate(network.graph.nodes)}
    lines = []
    for node in network.graph.nodes:
        if node.op == "call_module":
            target = f"{node.target}: {_settings(network.get_submodule(node.target))}"
        elif node.op == "get_attr":
            target = _value(node.target, attrgetter(node.target)(network))
        elif node.op == "call_function":
            target = call_name(node) or f"{node.target.__module__}.{node.target.__name__}"
        else:
            target = node.target if node.op == "call_method" else ""
        read = fx.map_arg((node.args, node.kwargs), places.__getitem__)
        lines.append(f"{node.op} {target} {read}")
    return [*lines, *_shared(network), *_frozen(network)]


def _settings(module: nn.Module) -> str:
    """A layer and what computes its weights, whose buffers training changes."""
    if isinstance(module, QuantisedReLU):
        return f"QuantisedReLU {module.extra_repr()} ceiling={module.ceiling}"
    settings = [f"{name} {_kind(part)}".strip() for name, part in module.named_modules()]
    settings += [_value(*named) for named in module.named_parameters()]
    if isinstance(module, BATCH_NORMS):
        settings.append(f"statistics {module.running_mean is not None}")
    else:
        settings += [_value(*named) for named in module.named_buffers(recurse=False)]
    return " ".join(settings)


def _kind(module: nn.Module) -> str:
    own = [
        f"{name}={_value(name, value)}"
        for name, value in sorted(vars(module).items())
        if not name.startswith("_") and name != "training"
    ]
    named = f"{type(module).__module__}.{type(module).__qualname__}"
    return " ".join([named, *own])


def _value(name: str, value: Any) -> str:
    if isinstance(value, nn.Parameter):
        return f"{name} {tuple(value.shape)} {value.dtype}"
    if isinstance(value, Tensor):
        content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        digest = hashlib.sha256(content).hexdigest()
        return f"{name} {tuple(value.shape)} {value.dtype} {digest}"
    if callable(value):
        return f"{name} {getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    return repr(value)


def _shared(network: nn.Module) -> Iterator[str]:
    """Parameters that are one: they are trained as one."""
    names: defaultdict[int, list[str]] = defaultdict(list)
    for name, parameter in network.named_parameters(remove_duplicate=False):
        names[id(parameter)].append(name)
    yield from (f"shared {' '.join(same)}" for same in names.values() if len(same) > 1)


def _frozen(network: nn.Module) -> Iterator[str]:
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            yield f"frozen {name}"
