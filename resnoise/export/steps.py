"""One time step of a converted network as a list of plain tensor operations.

The operations are ATen's, the ones that PyTorch itself calls, so a file that lists them can be run
by any program that has PyTorch, and translated by any that knows what a convolution is.
"""

from __future__ import annotations

import copy
import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from resnoise.errors import ConversionError
from resnoise.simulation.folded_time import RepeatOverTime
from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.network import SpikingNetwork

IMAGES = "images"
NEURONS = "neurons"
_BODY = "body."
_RESHAPES = ("view", "reshape")


@dataclass(frozen=True)
class Operation:
    """One operation of a time step.

    Attributes:
        name: of its result.
        call: name in `torch.ops.aten`, with the overload if there are several; `"neurons"` takes
            the input current and θ and gives spikes of 0 and 1.
        arguments: numbers, lists and None as they are; a text names a result, an entry of
            `Steps.tensors`, or `"images"`.
        shape: of the result for one image, without the dimension of images.
    """

    name: str
    call: str
    arguments: tuple[Any, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Steps:
    """One time step, from images and membrane potentials to logits.

    Attributes:
        operations: in the order of computation; the last gives the logits.
        tensors: weights, biases and thresholds by name.
        input_shape: `(C, H, W)` of one image.
    """

    operations: tuple[Operation, ...]
    tensors: dict[str, Tensor]
    input_shape: tuple[int, ...]


class _Fires(nn.Module):
    """In the place of a spiking layer: what its own operation in the trace is recognised by."""

    threshold: Tensor

    def __init__(self, threshold: Tensor) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)

    def forward(self, current: Tensor, timesteps: int, state: None) -> tuple[Tensor, None]:
        # No network that is affine between its neurons has another `heaviside`.
        return torch.heaviside(current, self.threshold) * self.threshold, None


class _Once(nn.Module):
    """In the place of what repeats a tensor over time: one step needs it once."""

    def forward(self, constant: Tensor, timesteps: int) -> Tensor:
        return constant


class _Step(nn.Module):
    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__()
        self.body = copy.deepcopy(network.body)
        self.rest = network.rest
        for name, module in list(self.body.named_modules()):
            if isinstance(module, SpikingLayer):
                self.body.set_submodule(name, _Fires(module.threshold))
            elif isinstance(module, RepeatOverTime):
                self.body.set_submodule(name, _Once())

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images, 1, self.rest)[0]


@torch.no_grad()
def steps_of(network: SpikingNetwork, shape: tuple[int, ...]) -> Steps:
    """Trace one time step.

    Args:
        network: from `resnoise.convert`, of plain neurons.
        shape: `(C, H, W)` of one image.

    Raises:
        ConversionError: the network cannot be traced for any number of images.

    Examples:
        >>> from resnoise import ActivationConfig, convert, prepare
        >>> layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10)]
        >>> source = prepare(nn.Sequential(*layers), ActivationConfig(threshold=1.0))
        >>> spiking = convert(source.eval())
        >>> [operation.call for operation in steps_of(spiking, (1, 8, 8)).operations]
        ['conv2d', 'neurons', 'mul.Tensor', 'flatten.using_ints', 'linear']
    """
    images = torch.zeros(2, *shape, device=next(iter(network.model_state.values())).device)
    try:
        program = torch.export.export(
            _Step(network).eval(), (images,), dynamic_shapes=({0: torch.export.Dim("N")},)
        )
    # What torch's modules raise of a shape, and its tracing of what it cannot follow.
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise ConversionError(
            f"cannot write the network for any number of images of shape {shape}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return _Reader(program).steps(shape)


class _Reader:
    """Reads a traced program, node after node."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        self.program = program
        self.names: dict[str, str] = {}
        self.tensors: dict[str, Tensor] = {}
        stored = {**program.state_dict, **program.constants}
        for spec in program.graph_signature.input_specs:
            if spec.target is None:
                self.names[spec.arg.name] = IMAGES
            else:
                name = spec.target.removeprefix(_BODY)
                self.names[spec.arg.name] = name
                self.tensors[name] = stored[spec.target].detach().contiguous().clone()

    def steps(self, shape: tuple[int, ...]) -> Steps:
        operations = [
            self._operation(node)
            for node in self.program.graph.nodes
            if node.op == "call_function" and not _is_size(node) and not _is_several(node)
        ]
        return Steps(tuple(operations), self.tensors, shape)

    def _operation(self, node: fx.Node) -> Operation:
        if node.kwargs:
            raise ConversionError(
                f"cannot write `{node.target}` (node `{node.name}`), which has settings of how it "
                f"is computed, {', '.join(node.kwargs)}; leave them out of the model"
            )
        call, given = _part(node) if node.target is operator.getitem else (_call(node), node.args)
        arguments = tuple(map(self._argument, given))
        name = self._free(_module_of(call, arguments) or node.name)
        self.names[node.name] = name
        shape = tuple(node.meta["val"].shape[1:])
        if any(not isinstance(size, int) for size in shape):
            raise ConversionError(f"cannot write `{name}`: its shape depends on the images")
        if call in _RESHAPES:  # of which one dimension may be left open, and that is the images'
            arguments = (arguments[0], [-1, *shape])
        return Operation(name, call, arguments, shape)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, fx.Node):
            return -1 if _is_size(value) else self.names[value.name]
        if isinstance(value, list | tuple):
            return [self._argument(item) for item in value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise ConversionError(f"cannot write the argument {value!r} of type {type(value).__name__}")

    def _free(self, name: str) -> str:
        while name in self.names.values() or name in self.tensors:
            name += "_"
        return name


def _is_size(node: fx.Node) -> bool:
    """Whether a node is the number of images, for which a shape may have −1."""
    return node.target is torch.ops.aten.sym_size.int and node.args[1] == 0


def _is_several(node: fx.Node) -> bool:
    """Whether a node gives several tensors, of which each is read by a node of its own."""
    return not isinstance(node.meta["val"], Tensor)


def _part(part: fx.Node) -> tuple[str, tuple[Any, ...]]:
    """One of several tensors that a tensor is split into, as an operation on that tensor."""
    node, index = part.args
    source, others = node.args[0], node.meta["val"]
    if node.target is torch.ops.aten.unbind.int:
        return "select", (source, node.args[1] if len(node.args) > 1 else 0, index)
    dim = node.args[2] if len(node.args) > 2 else 0
    start = sum(other.shape[dim] for other in others[:index])
    return "narrow", (source, dim, start, others[index].shape[dim])


def _call(node: fx.Node) -> str:
    if not isinstance(node.target, torch._ops.OpOverload):
        name = getattr(node.target, "__name__", str(node.target))
        raise ConversionError(
            f"cannot write `{name}` (node `{node.name}`): it computes with the number of images"
        )
    call = str(node.target).removeprefix("aten.").removesuffix(".default")
    return NEURONS if call == "heaviside" else call


def _module_of(call: str, arguments: tuple[Any, ...]) -> str | None:
    """The module whose weights, or whose threshold, an operation reads."""
    endings = (".threshold",) if call == NEURONS else (".weight",)
    for argument in arguments:
        if isinstance(argument, str) and argument.endswith(endings):
            return argument.rpartition(".")[0]
    return None
