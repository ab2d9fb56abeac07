"""One layer of a backend's neurons inside a spiking network."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resnoise.errors import ConfigError
from resnoise.simulation.neuron import IFState
from resnoise.utils.compiling import compiled

Start = Callable[[nn.Module, Tensor, Tensor], IFState]
"""What a layer may be given in place of a state: a function from its neurons, the current `[T, n]`
that all of them receive in a simulation, and θ to the state, tensors `[n]`, to start from."""


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
