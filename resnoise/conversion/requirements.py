"""What a model must be before it is traced, since no graph would show what it is instead."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.nn.utils import prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from resnoise.errors import PreparationError

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# What computes weights before each call, and what to use instead of it.
_WEIGHT_HOOKS = {
    WeightNorm: "torch.nn.utils.parametrizations.weight_norm",
    SpectralNorm: "torch.nn.utils.parametrizations.spectral_norm",
    prune.BasePruningMethod: "torch.nn.utils.prune.remove, which makes the pruning permanent,",
}


def unwrapped_copy(model: nn.Module) -> nn.Module:
    """A copy of the model itself, out of what only distributes or compiles it.

    Raises:
        PreparationError: it is no module, cannot be copied, or has what a graph cannot carry: lazy
            layers without weights, hooks, TorchScript.
    """
    while isinstance(model, _WRAPPERS) or hasattr(model, "_orig_mod"):
        model = model.module if isinstance(model, _WRAPPERS) else model._orig_mod
    if not isinstance(model, nn.Module):
        raise PreparationError(
            f"expected a model, an nn.Module, but got {type(model).__name__}; put what it computes "
            "into the `forward` of a module"
        )
    for name, module in model.named_modules():
        _require_weights(name, module)
        if isinstance(module, torch.jit.ScriptModule):
            raise PreparationError(
                f"expected a model in Python, but {_named(name, module)} is TorchScript; give the "
                "module that it was scripted or traced from"
            )
        if name and isinstance(module, _WRAPPERS):
            raise PreparationError(
                f"expected a model for one device, but {_named(name, module)} is wrapped; put its "
                "`.module` in its place"
            )
    copied = _copied(model)
    for name, module in model.named_modules():
        _require_no_hooks(name, module)
    return copied


def _named(name: str, module: nn.Module) -> str:
    return f"{type(module).__name__} `{name}`" if name else type(module).__name__


def _require_weights(name: str, module: nn.Module) -> None:
    tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    if any(isinstance(tensor, UninitializedTensorMixin) for tensor in tensors):
        raise PreparationError(
            f"expected layers with weights, but {_named(name, module)} has seen no images yet; "
            "call the model on a batch first"
        )


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except RuntimeError as error:
        raise PreparationError(
            f"cannot copy {type(model).__name__}: {str(error).splitlines()[0]}; remove what "
            "computes weights before every call, such as torch.nn.utils.weight_norm, or use that "
            "of torch.nn.utils.parametrizations"
        ) from error


def _require_no_hooks(name: str, module: nn.Module) -> None:
    hooks = [hook for kind in _HOOKS for hook in getattr(module, kind).values()]
    for hook in hooks:
        for kind, instead in _WEIGHT_HOOKS.items():
            if isinstance(hook, kind):
                raise PreparationError(
                    f"cannot carry over the weights that {kind.__name__} computes in a hook of "
                    f"{_named(name, module)}; use {instead} instead"
                )
        raise PreparationError(
            f"cannot carry over the hook `{getattr(hook, '__name__', type(hook).__name__)}` of "
            f"{_named(name, module)}; remove it, and register it on what `prepare` returns"
        )
    for parameter, tensor in module.named_parameters(recurse=False):
        if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
            raise PreparationError(
                f"cannot carry over the gradient hook of parameter `{parameter}` of "
                f"{_named(name, module)}; register it on what `prepare` returns"
            )
