"""A model as a graph of its operations, or the reason why no graph can carry what it computes.

`torch.fx` runs `forward` once, in Python, and notes what happens to the images. What Python itself
decides meanwhile, by the model's mode, by chance, or by what it remembers, would be frozen in the
graph; so would the values of tensors that are made on the way. A model is therefore traced twice,
in evaluation and in training, under the eye of what would notice.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn

from resnoise.conversion.activation import QuantisedReLU
from resnoise.conversion.modes import difference
from resnoise.conversion.operators import AFFINE_MODULES, describe
from resnoise.conversion.randomness import (
    FROZEN,
    NoRandomness,
    line_of_model,
    random_states,
    restore,
    same_states,
)
from resnoise.errors import PreparationError

_OF_TORCH = (
    *AFFINE_MODULES, nn.ReLU, nn.Hardtanh,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip


def traced(model: nn.Module, output: str | int | None = None) -> fx.GraphModule:
    """The graph of what a model computes in training and in evaluation alike.

    Args:
        model: traced in place: what its `forward` does to it in Python happens.
        output: which of the model's outputs, if they are several, see `prepare`.

    Raises:
        PreparationError: it cannot be traced, or a model in training mode computes what it does not
            in evaluation. One in evaluation mode gets a warning of that, and the graph of that.
    """
    modes = {module: module.training for module in model.modules()}
    tracer = _Tracer(output)
    model.eval()
    graph = _graph(tracer, model)
    why = _set_training(model)
    if why is None:
        try:
            why = difference(graph, _graph(_Tracer(output), model), model)
        except PreparationError as error:
            why = f"in training, {error}"
    for module, mode in modes.items():
        module.training = mode
    if why and model.training:
        raise PreparationError(
            f"cannot trace {type(model).__name__}: {why}. A network is trained and "
            "evaluated with one graph; call `eval()` on the model first to have that of evaluation"
        )
    if why:
        warnings.warn(
            f"{type(model).__name__} is prepared as it computes in evaluation, also for training: "
            f"{why}",
            stacklevel=3,
        )
    for node in graph.nodes:
        node.type = None  # a graph with annotations that are text cannot be saved
    return fx.GraphModule(model, graph, type(model).__name__)


def _set_training(model: nn.Module) -> str | None:
    """Set training mode; what stays in evaluation does so by a `train` that no graph has."""
    model.train()
    for name, module in model.named_modules():
        if not module.training:
            return f"its own `train()` leaves `{name}` in evaluation mode"
    return None


def _graph(tracer: _Tracer, model: nn.Module) -> fx.Graph:
    states = random_states()
    try:
        with torch.enable_grad(), NoRandomness():
            graph = tracer.trace(model)
            graph.lint()
            graph._tracer_cls = _Retracer
    except PreparationError:
        raise
    except Exception as error:  # fx raises many types, all of which mean the same to the user
        raise PreparationError(
            f"cannot trace {type(model).__name__} with torch.fx: {error}. Its forward must not "
            "branch on the values or shapes of tensors"
        ) from error
    finally:
        restore(states)
    return graph


class _Proxy(fx.Proxy):
    """A traced tensor that is known to be written over in `x += y`, which fx takes for `x + y`."""

    def __iadd__(self, other: object) -> fx.Proxy:
        return self._write(operator.iadd, other)

    def __isub__(self, other: object) -> fx.Proxy:
        return self._write(operator.isub, other)

    def __imul__(self, other: object) -> fx.Proxy:
        return self._write(operator.imul, other)

    def __itruediv__(self, other: object) -> fx.Proxy:
        return self._write(operator.itruediv, other)

    def _write(self, operation: Callable, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operation, (self, other), {})


class _Retracer(fx.Tracer):
    """What a saved graph is traced with anew when it is loaded."""

    # Else what a model computes from its buffers would be computed now, once.
    proxy_buffer_attributes = True

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)


class _Tracer(_Retracer):
    def __init__(self, output: str | int | None) -> None:
        super().__init__()
        self.output = output
        self.autocast = _autocast()

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        if "forward" in vars(module):  # replaced on this one module
            return False
        return (
            isinstance(module, QuantisedReLU)
            or _computes_as_in_torch(module)
            or super().is_leaf_module(module, qualified_name)
        )

    def create_args_for_root(
        self, root_fn: Callable, is_module: bool, concrete_args: Any = None
    ) -> tuple[Callable, list[fx.Proxy]]:
        """The images are the one input; flags keep their default."""
        parameters = inspect.signature(self.root.forward).parameters.values()
        required = [p.name for p in parameters if p.default is p.empty and p.kind <= p.KEYWORD_ONLY]
        named = [p for p in required if p not in _variadic(parameters)]
        inputs = named or [p.name for p in parameters][:1]
        if len(inputs) != 1:
            raise PreparationError(
                f"expected a model of one input, a tensor of images, but got inputs {inputs}"
            )
        images = self.create_proxy("placeholder", inputs[0], (), {})
        keyword = self._is_keyword(inputs[0], parameters)

        def forward(images: fx.Proxy) -> fx.Proxy:
            given = ((), {inputs[0]: images}) if keyword else ((images,), {})
            before = random_states()
            result = self.root.forward(*given[0], **given[1])
            self._require_nothing_drawn(before, self.root, "forward")
            return _pick(result, self.output)

        return forward, [images]

    @staticmethod
    def _is_keyword(name: str, parameters: Any) -> bool:
        return any(p.name == name and p.kind is p.KEYWORD_ONLY for p in parameters)

    def create_node(self, kind: str, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(kind, *args, **kwargs)
        if kind.startswith("call"):
            node.meta["module"], node.meta["line"] = self.scope.module_path, line_of_model()
            self._require_plain_context(node)
        return node

    def _require_plain_context(self, node: fx.Node) -> None:
        if not torch.is_grad_enabled():
            context, instead = "no_grad or inference_mode", "requires_grad_(False) of parameters"
        elif _autocast() != self.autocast:
            context, instead = "autocast", "it around the training"
        else:
            return
        raise PreparationError(
            f"cannot carry over torch.{context} around {describe(node, dict(self._named()))}: "
            f"expected a forward without such contexts; use {instead} instead"
        )

    def _named(self) -> dict[str, nn.Module]:
        return {path: module for module, path in self.submodule_paths.items()}

    def call_module(self, m: nn.Module, forward: Callable, args: Any, kwargs: Any) -> Any:
        before = random_states()
        result = super().call_module(m, forward, args, kwargs)
        self._require_nothing_drawn(before, m, self.path_of_module(m))
        return result

    @staticmethod
    def _require_nothing_drawn(before: tuple[Any, ...], module: nn.Module, name: str) -> None:
        if not same_states(before, random_states()):
            raise PreparationError(
                f"cannot carry over the random numbers of {type(module).__name__} `{name}`: "
                f"{FROZEN}"
            )


def _variadic(parameters: Any) -> set[str]:
    return {p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def _computes_as_in_torch(module: nn.Module) -> bool:
    """Whether a module, perhaps of a subclass, has the forward of one of torch's that is known."""
    if not isinstance(module, _OF_TORCH):
        return False
    base = next(c for c in type(module).__mro__ if c.__module__.startswith("torch.nn"))
    return all(
        getattr(type(module), name, None) is getattr(base, name, None)
        for name in ("forward", "_conv_forward")
    )


def _pick(result: Any, output: str | int | None) -> fx.Proxy:
    """The tensor of logits among what a model returns."""
    if output is not None:
        try:
            if isinstance(result, Mapping) or isinstance(output, int):
                result = result[output]
            else:
                result = getattr(result, output)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise PreparationError(
                f"expected a model with an output {output!r}, but got {_outline(result)}"
            ) from error
    if not isinstance(result, fx.Proxy):
        raise PreparationError(
            f"expected a model of one output, a tensor of logits, but got {_outline(result)}; "
            'name that of the logits, as in prepare(model, output="logits") or output=0'
        )
    return result


def _outline(result: Any) -> str:
    if isinstance(result, Mapping):
        return f"a dictionary with {', '.join(map(repr, result))}"
    if isinstance(result, tuple | list):
        return f"{len(result)} outputs"
    return type(result).__name__


def _autocast() -> tuple[bool, ...]:
    return tuple(torch.is_autocast_enabled(device) for device in ("cpu", "cuda"))
