"""Any module with ReLUs becomes a trainable source network: the first of the three steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch
from torch import fx, nn
from torch.nn import functional as F

from resnoise.config.recipe import ActivationConfig
from resnoise.conversion.activation import QuantisedReLU
from resnoise.conversion.affine import facts
from resnoise.conversion.dropout import keep_dropout_
from resnoise.conversion.in_place import write_out_of_place_
from resnoise.conversion.operators import depending_on_images, describe
from resnoise.conversion.pooling import average_instead_of_maximum_
from resnoise.conversion.ranks import ranks
from resnoise.conversion.rectifiers import is_relu, quantise_relus_
from resnoise.conversion.refusal import refused
from resnoise.conversion.requirements import unwrapped_copy
from resnoise.conversion.tracing import traced
from resnoise.errors import PreparationError

_SOFTMAX_MODULES = (nn.Softmax, nn.LogSoftmax)
_SOFTMAX_CALLS = (
    F.softmax, F.log_softmax, torch.softmax, torch.log_softmax, "softmax", "log_softmax",
)  # fmt: skip
_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def prepare(
    model: nn.Module,
    config: ActivationConfig | None = None,
    *,
    output: str | int | None = None,
) -> fx.GraphModule:
    """Turn a model with ReLUs into the source network of a conversion.

    Every ReLU, in whatever form (`nn.ReLU`, `F.relu6`, `clamp(0, a)`), becomes a `QuantisedReLU` of
    its own (a module that is called twice becomes two, since each place has its own threshold), and
    every maximum pool an average pool, with a warning: a maximum over spikes is not the maximum
    over rates. A softmax at the very end is left off, with a warning.

    Args:
        model: any module that `torch.fx` can trace; it is copied, not changed. Its input is one
            tensor of images `[N, C, H, W]`, its output logits `[N, classes]`; further arguments of
            its `forward` keep their defaults. It has to compute the same in training and in
            evaluation but for dropout and BatchNorm; in evaluation mode it gets a warning if not.
        config: levels and start of the thresholds; the default is `ActivationConfig()`.
        output: which of several outputs is the logits: a key or an attribute, or a position.

    Returns:
        The source network: same parameters under the same names, same calling convention.

    Raises:
        PreparationError: the model cannot be traced, has no ReLU or one that depends on no image,
            has hooks or contexts that a graph cannot carry, or has an operation that would silently
            stay unconverted. What it is, and in which module and line, the message says.

    Examples:
        >>> from torch import nn
        >>> from resnoise import activations, prepare
        >>> network = prepare(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Flatten()))
        >>> list(activations(network))
        ['1']
    """
    network = traced(unwrapped_copy(model), output)
    if any(isinstance(module, QuantisedReLU) for module in network.modules()):
        raise PreparationError("expected a model with ReLUs, but got one that is prepared already")
    _drop_assertions_(network)
    keep_dropout_(network)
    _synchronise_no_norm_(network)
    _leave_off_softmax_(network)
    write_out_of_place_(network)
    average_instead_of_maximum_(network)
    modules = dict(network.named_modules())
    relus = [node for node in network.graph.nodes if is_relu(node, modules)]
    if not relus:
        reason = refused(network, facts(network)) or "there is nothing to turn into spiking neurons"
        raise PreparationError(
            "expected a model with at least one nn.ReLU, torch.relu or F.relu, but found none: "
            f"{reason}"
        )
    _require_images(network.graph, relus, modules)
    quantise_relus_(network, relus, config or ActivationConfig())
    network.delete_all_unused_submodules()
    network.recompile()
    if reason := refused(network, facts(network)):
        raise PreparationError(reason)
    return network


def _drop_assertions_(network: fx.GraphModule) -> None:
    """What a model checks of its images, and computes for nothing but that."""
    for node in reversed(list(network.graph.nodes)):
        is_check = node.target is torch._assert
        is_question = node.op == "call_function" and node.target.__module__ in (
            "_operator",
            "builtins",
        )
        if is_check or (is_question and not node.users and node.target.__name__[0] != "i"):
            network.graph.erase_node(node)


def _synchronise_no_norm_(network: fx.GraphModule) -> None:
    """`SyncBatchNorm`, which trains on several devices alone, becomes BatchNorm of its state."""
    known = ranks(network)
    for node in network.graph.nodes:
        if node.op != "call_module":
            continue
        norm = network.get_submodule(node.target)
        if not isinstance(norm, nn.SyncBatchNorm):
            continue
        kind = _NORMS[known.get(node, 4)]
        plain = kind(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        )
        plain.weight, plain.bias = norm.weight, norm.bias
        plain.running_mean, plain.running_var = norm.running_mean, norm.running_var
        plain.num_batches_tracked = norm.num_batches_tracked
        network.set_submodule(node.target, plain.train(norm.training))


def _leave_off_softmax_(network: fx.GraphModule) -> None:
    output = network.graph.output_node()
    last = output.args[0]
    is_module = last.op == "call_module"
    if is_module:
        is_softmax = isinstance(network.get_submodule(last.target), _SOFTMAX_MODULES)
    else:
        is_softmax = last.target in _SOFTMAX_CALLS
    if not is_softmax:
        return
    output.replace_input_with(last, last.all_input_nodes[0])
    name = describe(last, dict(network.named_modules()))
    if not last.users:
        network.graph.erase_node(last)
    warnings.warn(
        f"{name} at the end is left off: the network gives the logits before it, of which the "
        "largest is the same",
        stacklevel=3,
    )


def _require_images(
    graph: fx.Graph, relus: Iterable[fx.Node], modules: dict[str, nn.Module]
) -> None:
    """Raise `PreparationError` if a ReLU does not depend on the images."""
    dependent = depending_on_images(graph)
    for relu in relus:
        if relu not in dependent:
            raise PreparationError(
                f"expected ReLUs of what depends on the images, but got {describe(relu, modules)} "
                "of parameters alone: its neurons would be the same for all images; use a "
                "parameter or buffer without a ReLU instead"
            )
