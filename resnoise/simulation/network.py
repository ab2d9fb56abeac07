"""The spiking network that conversion returns: a thin module around a backend's neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, reduce

import torch
from torch import Tensor, fx, nn
from torch.utils.checkpoint import checkpoint

from resnoise.config.checks import require_positive_int
from resnoise.errors import ConfigError, DataError
from resnoise.simulation.neuron import IFState
from resnoise.utils.compiling import compiled

Start = Callable[[nn.Module, Tensor, Tensor], IFState]
"""What a layer may be given in place of a state: a function from its neurons, the current `[T, n]`
that all of them receive in a simulation, and θ to the state, tensors `[n]`, to start from."""


def mean_over_time(folded: Tensor, timesteps: int) -> Tensor:
    """From `[T·N, ...]` to `[N, ...]`."""
    # Adding step to step is several times faster than `mean` along the first axis.
    return reduce(torch.add, folded.unflatten(0, (timesteps, -1))) / timesteps


class RepeatOverTime(nn.Module):
    """Repeats what does not change over time: `[N, ...]` to `[T·N, ...]`, time first.

    A module, not a function: a graph that is loaded again is traced anew, through functions but not
    through modules.
    """

    def forward(self, constant: Tensor, timesteps: int) -> Tensor:
        return constant.expand(timesteps, *constant.shape).flatten(0, 1)


class SpikingLayer(nn.Module):
    """A layer of neurons between layers that have time folded into the batch.

    Args:
        neurons: a `resnoise.backends.Neuron`.
        threshold: θ, tensor of shape `()`.
        constant_input: whether the input current is the same at every step, and so comes once.

    Attributes:
        bias: b, current that is added at each step, tensor of shape `[steps, C]`; None for none.
        checkpointed: whether a backward pass runs the loop over time again instead of keeping what
            it computed.
        compiled: whether the neurons run through `torch.compile`, see `compile_neurons_`.
    """

    threshold: Tensor
    bias: Tensor | None

    def __init__(self, neurons: nn.Module, threshold: Tensor, *, constant_input: bool) -> None:
        super().__init__()
        self.neurons = neurons
        self.register_buffer("threshold", threshold)
        self.register_buffer("bias", None)
        self.constant_input = constant_input
        self.checkpointed = False
        self.compiled = False

    def forward(
        self, current: Tensor, timesteps: int, state: IFState | Start | None
    ) -> tuple[Tensor, IFState]:
        """Simulate `T` steps.

        Args:
            current: I, tensor of shape `[T·N, ...]`, or `[N, ...]` if it is constant.
            timesteps: T.
            state: state before the first step, tensors of shape `[N, ...]`, or what gives it, see
                `Start`, or None for rest.

        Returns:
            Output current θ·s(t), tensor of shape `[T·N, ...]` and the type of `current`, and the
            state after step T, in float32 at least.

        Raises:
            ConfigError: the bias is of other channels, or of fewer steps; the state is of other
                images: of another shape, type or device.
        """
        before = state.steps if isinstance(state, IFState) else 0
        constant = self.constant_input and self.bias is None
        if self.bias is not None:
            current = self._with_bias(current, timesteps, before)
        steps = 1 if constant else timesteps
        shape = (current.shape[0] // steps, *current.shape[1:])
        _require_state_of(current, shape, state)
        # Neurons are alone with themselves, so any order of memory will do. Flat, in the order they
        # lie in, they cost a library's stacking no copy, layers of all shapes share one compiled
        # kernel, and a compiler has no layout to change.
        channels_last = current.dim() == 4 and current.is_contiguous(
            memory_format=torch.channels_last
        )
        if channels_last:
            current = current.permute(0, 2, 3, 1)
            state = _each(state, lambda x: x.permute(0, 2, 3, 1))
            shape = (shape[0], *current.shape[1:])
        current = current.reshape(steps, -1).expand(timesteps, -1)
        if callable(state):
            full = torch.promote_types(current.dtype, torch.float32)
            state = state(self.neurons, current.to(full), self.threshold)
        output, state = self._simulate(current, _each(state, Tensor.flatten))
        output = output.view(-1, *shape[1:])
        state = _each(state, lambda x: x.view(shape))
        if channels_last:
            output = output.permute(0, 3, 1, 2)
            state = _each(state, lambda x: x.permute(0, 3, 1, 2))
        return output, state._replace(steps=before + timesteps)

    def _with_bias(self, current: Tensor, timesteps: int, before: int) -> Tensor:
        """`I + b(t)`, tensor of shape `[T·N, ...]`, for the T steps that follow those `before`."""
        if before + timesteps > len(self.bias):
            raise ConfigError(
                f"expected at most {len(self.bias)} time steps, which there are biases for, but "
                f"got {before + timesteps}; calibrate for more"
            )
        if self.bias.shape[1] != current.shape[1]:
            raise ConfigError(
                f"expected biases of {current.shape[1]} channels, but got {self.bias.shape[1]}; "
                "calibrate this network"
            )
        steps = 1 if self.constant_input else timesteps
        bias = self.bias[before : before + timesteps]
        bias = bias.view(timesteps, 1, -1, *[1] * (current.dim() - 2))
        return (current.unflatten(0, (steps, -1)) + bias.to(current.dtype)).flatten(0, 1)

    def _simulate(self, current: Tensor, state: IFState | None) -> tuple[Tensor, IFState]:
        arguments = (self.neurons, current, state, self.threshold)
        if self.compiled:
            return _compiled_run()(*arguments)
        if self.checkpointed and torch.is_grad_enabled():
            return checkpoint(_run, *arguments, use_reentrant=False)
        return _run(*arguments)


def compile_neurons_(network: SpikingNetwork) -> None:
    """Have the neurons of a network simulate through `torch.compile`, whatever their library.

    The neurons stay the library's own and their spikes the same bit for bit; what a compiler adds
    is one kernel for the whole loop over time. The first simulation of each number of steps
    compiles, which takes seconds and a C++ compiler.

    Args:
        network: from `resnoise.convert`.
    """
    for layer in network.spiking_layers.values():
        layer.compiled = True


def _run(
    neurons: nn.Module, current: Tensor, state: IFState | None, threshold: Tensor
) -> tuple[Tensor, IFState]:
    """Output current `[T, N, ...]` and end state from the input current of the same shape."""
    # Where autocast has convolutions give half precision, membranes still add up in float32: one
    # that is rounded at every step fires otherwise, and each library would round its own way.
    full = torch.promote_types(current.dtype, torch.float32)
    spikes, state = neurons(current.to(full), state)
    return spikes.mul_(threshold).to(current.dtype), state


@lru_cache
def _compiled_run() -> Callable[..., tuple[Tensor, IFState]]:
    return compiled(_run, dynamic=True)


def _require_state_of(
    current: Tensor, shape: tuple[int, ...], state: IFState | Start | None
) -> None:
    """Raise `ConfigError` unless a state is one of neurons `shape` whose input is `current`.

    Some libraries begin from zero where it is not, some broadcast it.
    """
    if not isinstance(state, IFState):
        return
    expected = (shape, torch.promote_types(current.dtype, torch.float32), current.device)
    for tensor in (state.v, state.gate, state.sent):
        if tensor is None:
            continue
        got = (tuple(tensor.shape), tensor.dtype, tensor.device)
        if got != expected:
            raise ConfigError(
                "expected the state of the same images, of shape {} in {} on {}, but got one of "
                "shape {} in {} on {}; start other images from rest, without a state".format(
                    *expected, *got
                )
            )


def _each(
    state: IFState | Start | None, change: Callable[[Tensor], Tensor]
) -> IFState | Start | None:
    """What the neurons keep of a state, each tensor changed; anything else as it is."""
    if not isinstance(state, IFState):
        return state
    kept = (state.v, state.gate, state.sent)
    return IFState(*(None if x is None else change(x) for x in kept))


class SpikingNetwork(nn.Module):
    """A converted network: direct input, integrate-and-fire neurons, a classifier without spikes.

    Args:
        body: graph from `(images, timesteps, state)` to `(logits, state)`, states one per layer.
        layers: names of the spiking layers, in the order of computation.
        backend: name of the backend its neurons are from.
    """

    def __init__(self, body: fx.GraphModule, layers: tuple[str, ...], backend: str) -> None:
        super().__init__()
        self.body = body
        self.layers = layers
        self.backend = backend
        self._bytes_per_image_step: dict[torch.Size, int] = {}
        self.eval()

    @property
    def spiking_layers(self) -> dict[str, SpikingLayer]:
        """The layers of neurons by name, in the order of computation."""
        return {name: self.body.get_submodule(name) for name in self.layers}

    def set_bias_(self, bias: Mapping[str, Tensor]) -> None:
        """Add a current of its own to every channel at every time step.

        Args:
            bias: b by name of a spiking layer, tensors of shape `[steps, C]` in the unit of θ.

        Raises:
            ConfigError: these are not the layers of this network, or they differ in steps.
        """
        if list(bias) != list(self.layers):
            raise ConfigError(
                f"expected biases of the layers {', '.join(self.layers)}, but got those of "
                f"{', '.join(bias) or 'none'}; calibrate this network"
            )
        if len({len(of_layer) for of_layer in bias.values()}) != 1:
            raise ConfigError("expected biases of all layers for the same number of time steps")
        for name, layer in self.spiking_layers.items():
            layer.bias = bias[name].to(layer.threshold)

    @property
    def rest(self) -> tuple[None, ...]:
        """The state of `body` before the first step: every layer is at rest."""
        return (None,) * len(self.layers)

    @property
    def model_state(self) -> dict[str, Tensor]:
        """Weights, biases and thresholds by the names of the modules, the same on any backend.

        What a library's neurons keep of their own (copies of the threshold, a decay of 1) is left
        out.
        """
        inside_neurons = tuple(f"{name}.neurons." for name in self.layers)
        state = self.body.state_dict()
        return {name: x for name, x in state.items() if not name.startswith(inside_neurons)}

    def forward(
        self, images: Tensor, timesteps: int, state: tuple[IFState | Start, ...] | None = None
    ) -> tuple[Tensor, tuple[IFState, ...]]:
        """Simulate `T` steps with the same images at every step.

        Args:
            images: tensor of shape `[N, C, H, W]`.
            timesteps: T, at least 1.
            state: one state a layer before the first step, or what gives it from the current that
                the layer receives, see `Start`; None is rest, v(0) = θ/2.

        Returns:
            Logits of every single step, tensor of shape `[T, N, classes]` (the prediction at T is
            the largest of their mean over steps 1..T), and the states after step T.

        Raises:
            ConfigError: `timesteps` is below 1, or the state is not of these images.
        """
        require_positive_int("timesteps", timesteps)
        if state is not None and len(state) != len(self.layers):
            raise ConfigError(
                f"expected one state for each of {len(self.layers)} layers, but got {len(state)}"
            )
        logits, state = self.body(images, timesteps, self.rest if state is None else state)
        return logits.unflatten(0, (timesteps, -1)), state

    @torch.inference_mode()
    def bytes_per_image_step(self, images: Tensor) -> int:
        """Size of the largest layer of neurons for one step of one image, measured once a shape.

        Args:
            images: tensor of shape `[N, C, H, W]`.

        Raises:
            DataError: images of this shape cannot be simulated.
        """
        shape = images.shape[1:]
        if shape not in self._bytes_per_image_step:
            sizes = []
            handles = [
                layer.register_forward_hook(lambda layer, args, out: sizes.append(out[0].nbytes))
                for layer in self.spiking_layers.values()
            ]
            try:
                # Of the body: whoever counts calls of the network has no interest in this one.
                self.body(images[:1], 1, self.rest)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise DataError(
                    "expected images [N, C, H, W] of the shape that the network was made for, but "
                    f"got {list(images.shape)}: {error}"
                ) from error
            finally:
                for handle in handles:
                    handle.remove()
            self._bytes_per_image_step[shape] = max(sizes)
        return self._bytes_per_image_step[shape]
