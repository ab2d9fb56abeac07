"""Source network -> spiking network on a backend: the last of prepare, train, convert."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from functools import partial

from torch import Tensor, fx, nn

from resnoise import backends
from resnoise.config.checks import require_negative
from resnoise.conversion.activation import QuantisedReLU, activations
from resnoise.conversion.folding import folded
from resnoise.conversion.operators import is_size
from resnoise.errors import ConversionError
from resnoise.simulation.folded_time import RepeatOverTime
from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.network import SpikingNetwork
from resnoise.utils.tensors import require_finite


def convert(
    network: fx.GraphModule,
    backend: str = "reference",
    *,
    negative_threshold: float | None = None,
) -> SpikingNetwork:
    """Convert a source network to a spiking network of integrate-and-fire neurons.

    BatchNorm is folded into the layer before it; every `QuantisedReLU` becomes a layer of neurons
    with threshold θ = λ, soft reset and v(0) = θ/2.

    Args:
        network: source network from `resnoise.prepare`; it is copied, not changed.
        backend: whose neurons to use, a name from `resnoise.backends.names()`.
        negative_threshold: θ₋/θ of signed neurons, which take spikes back; None for plain ones.

    Returns:
        The spiking network, in evaluation mode, on the device of the source network.

    Raises:
        ConversionError: `network` is not a source network, its logits depend on no activation,
            it takes a shape before the first one, or some of its weights, statistics or thresholds
            are infinite or NaN.
        BackendError: unknown backend, or one that is not installed.
        ConfigError: `negative_threshold` is not smaller than 0.

    Examples:
        >>> import torch
        >>> import resnoise
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> network = resnoise.prepare(model, resnoise.ActivationConfig(threshold=1.0))
        >>> spiking = convert(network.eval(), "reference")
        >>> logits, potentials = spiking(torch.rand(8, 1, 2, 2), 4)
        >>> logits.shape  # [T, N, classes]
        torch.Size([4, 8, 2])

    Warns of thresholds that were neither fitted, trained, loaded nor set.

    Source: Bu et al., ICLR 2022, arXiv 2303.04347, section 4; Huang et al., arXiv 2404.17456.
    """
    if not isinstance(network, fx.GraphModule) or not activations(network):
        raise ConversionError(
            "expected a source network made by resnoise.prepare(model), but got "
            f"{type(network).__name__} without quantised activations"
        )
    if negative_threshold is not None:
        require_negative("negative_threshold", negative_threshold)
    neurons = partial(
        backends.get(backend).integrate_and_fire, negative_threshold=negative_threshold
    )
    require_finite(network.state_dict().items(), ConversionError)
    _warn_of_waiting(network)
    body = spiking_graph(folded(network), neurons)
    spiking = SpikingNetwork(body, tuple(activations(network)), backend)
    require_finite(spiking.model_state.items(), ConversionError)  # a fold may overflow
    return spiking


def _warn_of_waiting(network: fx.GraphModule) -> None:
    waiting = [name for name, layer in activations(network).items() if layer.is_waiting]
    if waiting:
        warnings.warn(
            f"thresholds of {', '.join(waiting)} were neither fitted nor trained and are 1: call "
            "resnoise.fit_thresholds_(network, images) with training images before",
            stacklevel=3,
        )


def spiking_graph(body: fx.GraphModule, neurons: Callable[[Tensor], nn.Module]) -> fx.GraphModule:
    """Rewrite `images -> logits` as `(images, timesteps, state) -> (logits, state)`, in place.

    What depends on no spike is constant in time and stays `[N, ...]`, computed once. What depends
    on one has time folded into the batch, `[T·N, ...]`, so each layer takes all steps at once.

    Args:
        body: network from `resnoise.prepare`.
        neurons: from a threshold θ, tensor of shape `()`, to a `resnoise.backends.Neuron`, called
            for each `QuantisedReLU` to get the neurons that take its place.

    Returns:
        `body`.

    Raises:
        ConversionError: logits depend on no activation, or a shape is taken before the first one.
    """
    graph = body.graph
    layers = list(activations(body))
    given = next(node for node in graph.nodes if node.op == "placeholder")
    with graph.inserting_after(given):
        images = graph.placeholder("images")
    given.replace_all_uses_with(images)
    graph.erase_node(given)  # whose name may be one of the next two
    with graph.inserting_after(images):
        timesteps = graph.placeholder("timesteps")
    with graph.inserting_after(timesteps):
        state = graph.placeholder("state")

    constant: set[fx.Node] = {images}
    temporal: set[fx.Node] = set()
    end_states: list[fx.Node] = []
    for node in list(graph.nodes):
        if node.op == "output":
            if node.args[0] not in temporal:
                raise ConversionError("expected logits that depend on an activation, but none does")
            node.args = ((node.args[0], tuple(end_states)),)
        elif node.op == "call_module" and node.target in layers:
            current = node.args[0]
            layer = _spiking_layer(body.get_submodule(node.target), neurons, current in temporal)
            body.set_submodule(node.target, layer)
            with graph.inserting_before(node):
                start = graph.call_function(operator.getitem, (state, layers.index(node.target)))
            node.args = (current, timesteps, start)
            with graph.inserting_after(node):
                spikes = graph.call_function(operator.getitem, (node, 0))
            with graph.inserting_after(spikes):
                end_states.append(graph.call_function(operator.getitem, (node, 1)))
            node.replace_all_uses_with(
                spikes, delete_user_cb=lambda user, keep=(spikes, end_states[-1]): user not in keep
            )
            temporal.add(spikes)
        elif temporal.intersection(node.all_input_nodes):
            _repeat_inputs(body, node, constant, timesteps)
            temporal.add(node)
        elif constant.intersection(node.all_input_nodes):
            constant.add(node)
    graph.lint()
    body.recompile()
    return body


def _spiking_layer(
    activation: QuantisedReLU, neurons: Callable[[Tensor], nn.Module], temporal: bool
) -> SpikingLayer:
    threshold = activation.threshold.detach().clone()
    return SpikingLayer(neurons(threshold), threshold, constant_input=not temporal)


def _repeat_inputs(
    body: fx.GraphModule, node: fx.Node, constant: set[fx.Node], timesteps: fx.Node
) -> None:
    """Give `node` those of its inputs that are constant in time once for every step."""
    for source in node.all_input_nodes:
        if source not in constant:
            continue
        if is_size(source):
            raise ConversionError(
                f"cannot convert `{node.name}`: it uses the shape `{source.name}` of a tensor "
                "before the first ReLU; take the shape from the tensor that is reshaped"
            )
        name = f"{source.name}_over_time"
        while hasattr(body, name):
            name += "_"
        body.add_submodule(name, RepeatOverTime())
        with body.graph.inserting_before(node):
            repeated = body.graph.call_module(name, (source, timesteps))
        node.replace_input_with(source, repeated)
