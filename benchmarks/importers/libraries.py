"""Programs that read NIR, each called as its own documentation does, with a time step of 1.

An importer is a function from a graph to a `Model`. Where a library is told its time step, it is
told 1, so that an input current counts as it is.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import nir
import numpy as np
import torch
from torch import Tensor, nn


@dataclass
class Model:
    """A graph as a library has it.

    Attributes:
        run: from inputs `[T, N, ...]` to outputs of the same order, from rest.
        neurons: its layers of neurons by the names of their nodes; empty where they are no modules
            of PyTorch.
    """

    run: Callable[[Tensor], Tensor]
    neurons: dict[str, nn.Module] = field(default_factory=dict)


@dataclass(frozen=True)
class Importer:
    """A program that reads NIR.

    Attributes:
        name: as in the tables.
        package: whose version the tables have.
        load: from a graph to its model.
        neuron: whether it has a neuron of its own for `nir.IF`, which starts at 0.
        forms: targets of `resnoise.export` whose files it is given.
    """

    name: str
    package: str
    load: Callable[[nir.NIRGraph], Model]
    neuron: bool = True
    forms: tuple[str, ...] = ("nir", "nir-if")

    @property
    def version(self) -> str:
        """Of the package; empty if it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within the context, what libraries print and warn of stays unsaid."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def image_by_image(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Runs a module `(x, state) -> (out, state)` on one image at a time, without a dimension of
    images: NIR's shapes have none, and some libraries take a graph's `Flatten` at its word.
    """

    def run(inputs: Tensor) -> Tensor:
        outputs = []
        for image in inputs.unbind(1):
            state, steps = None, []
            for now in image:
                out, state = module(now, state)
                steps.append(out)
            outputs.append(torch.stack(steps))
        return torch.stack(outputs, 1)

    return run


def in_batches(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """Runs a module `(x, state) -> (out, state)` on all images at once."""

    def run(inputs: Tensor) -> Tensor:
        state, outputs = None, []
        for now in inputs:
            out, state = module(now, state)
            outputs.append(out)
        return torch.stack(outputs)

    return run


def norse(graph: nir.NIRGraph) -> Model:
    from norse.torch import from_nir

    module = from_nir(graph, dt=1)
    return Model(image_by_image(module), _neurons(module, graph))


def snntorch(graph: nir.NIRGraph) -> Model:
    from snntorch.import_nir import import_from_nir

    module = import_from_nir(graph)
    return Model(image_by_image(module), _neurons(module, graph))


def snntorch_hidden(graph: nir.NIRGraph) -> Model:
    """With its neurons told to keep their membranes, without which they hand on pairs."""
    model = snntorch(graph)
    for neuron in model.neurons.values():
        neuron.init_hidden = True
    inner = model.run

    def run(inputs: Tensor) -> Tensor:
        outputs = []
        for image in inputs.split(1, 1):
            for neuron in model.neurons.values():
                neuron.reset_mem()
            outputs.append(inner(image))
        return torch.cat(outputs, 1)

    return Model(run, model.neurons)


def spikingjelly(graph: nir.NIRGraph) -> Model:
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    module = import_from_nir(graph, dt=1)
    return Model(in_batches(module), _neurons(module, graph))


def sinabs(graph: nir.NIRGraph) -> Model:
    return _sinabs(graph, lambda neuron: None)


def sinabs_by_hand(graph: nir.NIRGraph) -> Model:
    """With what Speck can hold set by hand: v(0) = θ/2, one spike a step, no floor."""
    from sinabs.activation import SingleSpike

    def set_(neuron: nn.Module) -> None:
        neuron.spike_fn = SingleSpike
        neuron.min_v_mem = None
        neuron.v_mem = torch.as_tensor(neuron.spike_threshold / 2).float()[None].clone()

    return _sinabs(graph, set_)


def _sinabs(graph: nir.NIRGraph, set_: Callable[[nn.Module], None]) -> Model:
    from sinabs.nir import from_nir

    module = from_nir(graph, batch_size=1)
    neurons = _neurons(module, graph)
    inner = in_batches(module)

    def run(inputs: Tensor) -> Tensor:
        outputs = []
        for image in inputs.split(1, 1):
            for neuron in neurons.values():
                neuron.reset_states()
                neuron.batch_size = 1
                if not neuron.is_state_initialised():
                    neuron.init_state_with_shape((1, *np.shape(neuron.spike_threshold)))
                set_(neuron)
            outputs.append(inner(image))
        return torch.cat(outputs, 1)

    return Model(run, neurons)


def rockpool(graph: nir.NIRGraph) -> Model:
    from rockpool.nn.modules.torch.nir import from_nir

    module = from_nir(graph)
    return Model(lambda inputs: module(inputs.transpose(0, 1))[0].transpose(0, 1))


def spyx(graph: nir.NIRGraph) -> Model:
    import jax.numpy as jnp
    from spyx.nir import from_nir

    def run(inputs: Tensor) -> Tensor:
        last = inputs.movedim(2, -1) if inputs.dim() == 5 else inputs  # channels come last in JAX
        _, outputs = from_nir(graph, jnp.asarray(last.numpy()), dt=1)
        outputs = torch.from_numpy(np.array(outputs))
        return outputs.movedim(-1, 2) if outputs.dim() == 5 else outputs

    return Model(run)


class _Integrator(nn.Module):
    def forward(self, current: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        v = current if state is None else state + current
        return v, v


class _Function(nn.Module):
    """A function of an array of a node, and of what it is given."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], array: np.ndarray) -> None:
        super().__init__()
        self.function = function
        self.array = torch.from_numpy(array)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.array)


def nirtorch(graph: nir.NIRGraph) -> Model:
    """NIRTorch, which maps no neurons of its own, with each node by its definition."""
    from nirtorch import nir_to_torch

    def affine(node: nir.Affine) -> nn.Module:
        layer = nn.Linear(node.weight.shape[1], node.weight.shape[0])
        layer.weight.data, layer.bias.data = map(torch.from_numpy, (node.weight, node.bias))
        return layer

    module = nir_to_torch(
        graph,
        {
            nir.I: lambda node: _Integrator(),
            nir.Threshold: lambda n: _Function(lambda x, a: (x > a).float(), n.threshold),
            nir.Scale: lambda node: _Function(torch.mul, node.scale),
            nir.Affine: affine,
            nir.Flatten: lambda node: nn.Flatten(node.start_dim + 1, node.end_dim),
        },
    )
    return Model(in_batches(module), _neurons(module, graph))


def _neurons(module: nn.Module, graph: nir.NIRGraph) -> dict[str, nn.Module]:
    """The modules of a graph's neurons; all libraries here name modules as NIRTorch does."""
    kinds = (nir.IF, nir.Threshold)
    names = [name for name, node in graph.nodes.items() if isinstance(node, kinds)]
    return {name: module.get_submodule(name.replace(".", "_")) for name in names}


IMPORTERS = (
    Importer("Norse", "norse", norse),
    Importer("snnTorch", "snntorch", snntorch),
    Importer("snnTorch, `init_hidden` set", "snntorch", snntorch_hidden, forms=("nir-if",)),
    Importer("SpikingJelly", "spikingjelly", spikingjelly),
    Importer("Sinabs", "sinabs", sinabs),
    Importer("Sinabs, rule set by hand", "sinabs", sinabs_by_hand, neuron=False, forms=("nir-if",)),
    Importer("Rockpool", "rockpool", rockpool),
    Importer("Spyx", "spyx", spyx),
    Importer("NIRTorch, nodes mapped", "nirtorch", nirtorch, neuron=False, forms=("nir",)),
)
