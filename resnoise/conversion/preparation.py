"""Any module with ReLUs becomes a trainable source network: the first of the three steps."""

from __future__ import annotations

import copy
import operator
import warnings
from collections.abc import Callable, Iterable

import torch
from torch import fx, nn
from torch.nn import functional as F

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import QuantisedReLU, is_activation
from resnoise.conversion.operators import describe, is_affine, is_size, is_view
from resnoise.conversion.rectifiers import free_name, is_relu, quantise_relus_, replace
from resnoise.errors import PreparationError

# What writes over its input would also write over what others keep of it, such as spike counts.
_OUT_OF_PLACE = {
    "add_": "add",
    "sub_": "sub",
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}

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


def prepare(model: nn.Module, config: ActivationConfig | None = None) -> fx.GraphModule:
    """Turn a model with ReLUs into the source network of a conversion.

    Every `nn.ReLU`, `torch.relu` and `F.relu` call becomes a `QuantisedReLU` of its own (a module
    that is called twice becomes two, since each place has its own threshold), and every maximum
    pool an average pool, with a warning: a maximum over spikes is not the maximum over rates.

    Args:
        model: any module that `torch.fx` can trace; it is copied, not changed. Its input is one
            tensor of images `[N, C, H, W]`, its output logits `[N, classes]`.
        config: levels and start of the thresholds; the default is `ActivationConfig()`.

    Returns:
        The source network: same parameters under the same names, same calling convention.

    Raises:
        PreparationError: the model cannot be traced, has no ReLU or one that depends on no image,
            or has an operation that would silently stay unconverted (named in the message).
    """
    config = config or ActivationConfig()
    network = _trace(_copied(model))
    modules = dict(network.named_modules())
    if any(isinstance(module, QuantisedReLU) for module in modules.values()):
        raise PreparationError("expected a model with ReLUs, but got one that is prepared already")
    relus = [node for node in network.graph.nodes if is_relu(node, modules)]
    if not relus:
        raise PreparationError(
            "expected a model with at least one nn.ReLU, torch.relu or F.relu, but found none: "
            "there is nothing to turn into spiking neurons"
        )
    _require_images(network.graph, relus, modules)
    # In their order: what one has written over is what the next one writes over.
    for node in network.graph.nodes:
        if _is_in_place(node, modules):
            _hand_result_to_later_readers(node, modules)
        if node.op in ("call_function", "call_method"):
            node.target = _OUT_OF_PLACE.get(node.target, node.target)
    quantise_relus_(network, relus, config)
    for node in list(network.graph.nodes):
        _average_instead_of_maximum(network, node, modules)
        if node.op == "call_method" and node.target == "view":
            node.target = "reshape"  # the same, for tensors in channels-last memory too
    network.delete_all_unused_submodules()
    network.recompile()

    modules = dict(network.named_modules())
    refused = [
        describe(node, modules)
        for node in network.graph.nodes
        if not is_activation(node, modules) and not is_affine(node, modules)
    ]
    if refused:
        raise PreparationError(
            f"cannot convert {'; '.join(refused)}: between ReLUs only operations that are affine "
            "in each image have a spiking counterpart (see resnoise/operators.py for the list); "
            "write dimensions from the front, 0 is the images, since −2 may be any"
        )
    return network


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except RuntimeError as error:
        raise PreparationError(
            f"cannot copy {type(model).__name__}: {str(error).splitlines()[0]}; remove what "
            "computes weights before every call, such as torch.nn.utils.weight_norm, or use that "
            "of torch.nn.utils.parametrizations"
        ) from error


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


class _Tracer(fx.Tracer):
    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, QuantisedReLU) or super().is_leaf_module(module, qualified_name)


def _trace(model: nn.Module) -> fx.GraphModule:
    tracer = _Tracer()
    try:
        graph = tracer.trace(model)
    except Exception as error:  # fx raises many types, all of which mean the same to the user
        raise PreparationError(
            f"cannot trace {type(model).__name__} with torch.fx: {error}. Its forward must not "
            "branch on the values or shapes of tensors"
        ) from error
    inputs = [node.name for node in graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        raise PreparationError(
            f"expected a model of one input, a tensor of images, but got inputs {inputs}"
        )
    output = graph.output_node().args[0]
    if not isinstance(output, fx.Node):
        raise PreparationError(
            f"expected a model of one output, a tensor of logits, but got {output}"
        )
    for node in graph.nodes:
        node.type = None  # a graph with annotations that are text cannot be saved
    return fx.GraphModule(tracer.root, graph, type(model).__name__)


def _require_images(
    graph: fx.Graph, relus: Iterable[fx.Node], modules: dict[str, nn.Module]
) -> None:
    """Raise `PreparationError` if a ReLU does not depend on the images."""
    dependent: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder" or dependent.intersection(node.all_input_nodes):
            dependent.add(node)
    for relu in relus:
        if relu not in dependent:
            raise PreparationError(
                f"expected ReLUs of what depends on the images, but got {describe(relu, modules)} "
                "of parameters alone: its neurons would be the same for all images; use a "
                "parameter or buffer without a ReLU instead"
            )


def _is_in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a traced operation writes over its input; nobody can write over a size."""
    if not is_relu(node, modules):
        known = node.op in ("call_function", "call_method") and node.target in _OUT_OF_PLACE
        return known and not is_size(node.all_input_nodes[0])
    if node.op == "call_module":
        return modules[node.target].inplace
    name = node.target if isinstance(node.target, str) else node.target.__name__
    given = (*node.args[1:], node.kwargs.get("inplace"))
    return name.endswith("_") or any(x is True for x in given)  # 1.0 is no flag, though == True


def _hand_result_to_later_readers(in_place: fx.Node, modules: dict[str, nn.Module]) -> None:
    """Whoever reads the input later reads what was written over it."""
    written = in_place.all_input_nodes[0]
    for other in _views_of_the_same(written, modules):
        # A later view of the input is one of its readers, and reads the result.
        if other < in_place and any(in_place < user for user in other.users):
            raise PreparationError(
                f"cannot convert {describe(in_place, modules)}: it writes over its input "
                f"`{written.name}` in place, and `{other.name}`, which may be the same memory, is "
                "used after that; compute it out of place"
            )
    written.replace_all_uses_with(in_place, delete_user_cb=lambda user: in_place < user)


def _views_of_the_same(tensor: fx.Node, modules: dict[str, nn.Module]) -> set[fx.Node]:
    """What a tensor is a view of, and all views of that; not the tensor itself."""
    base = tensor
    while is_view(base, modules):
        base = base.all_input_nodes[0]
    found, waiting = {base}, [base]
    while waiting:
        views = {user for user in waiting.pop().users if is_view(user, modules)}
        waiting += views - found
        found |= views
    return found - {tensor}


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
        stacklevel=3,
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
