"""The spiking network that conversion returns: a thin module around layers of neurons."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, fx, nn

from resnoise.config.checks import require_positive_int
from resnoise.errors import ConfigError, DataError
from resnoise.simulation.layer import SpikingLayer, Start
from resnoise.simulation.neuron import IFState


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
            ConfigError: these are not the layers of this network, or they differ in steps, or are
                not of that shape.
        """
        if set(bias) != set(self.layers):
            raise ConfigError(
                f"expected biases of the layers {', '.join(self.layers)}, but got those of "
                f"{', '.join(bias) or 'none'}; calibrate this network"
            )
        for name, of_layer in bias.items():
            if not isinstance(of_layer, Tensor) or of_layer.dim() != 2:
                given = list(getattr(of_layer, "shape", [])) or type(of_layer).__name__
                raise ConfigError(
                    f"expected biases in a tensor [steps, C], but got {given} for layer `{name}`"
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
