"""FTBC: a bias for every channel and time step, so that on average a layer sends what it should.

Wu et al., ECCV 2024, arXiv 2403.18388, published on networks of QCFS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from resnoise_baselines.qcfs import QCFS
from resnoise_baselines.snm import SNM
from torch import Tensor, fx

from resnoise.config.checks import require_positive_int
from resnoise.config.requirements import Requirements
from resnoise.conversion.activation import activations, evaluating
from resnoise.conversion.converter import convert
from resnoise.errors import ConfigError
from resnoise.methods.post_training import PostTraining
from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.network import SpikingNetwork
from resnoise.simulation.neuron import IFState, initial_state
from resnoise.simulation.simulator import FromRest, Simulation
from resnoise.utils.calls import recorded_outputs
from resnoise.utils.tensors import require_some_images

STEP_SIZE = 0.5
"""α of the paper's experiments on CIFAR."""


class FTBC(PostTraining):
    """Time-dependent biases, found on 200 training images: one batch of the authors' code.

    That code asks for more batches and uses the first alone.

    Attributes:
        negative_threshold: θ₋/θ of signed neurons; None for plain ones.
    """

    name = "ftbc"
    paper = "https://arxiv.org/abs/2403.18388"
    published_on = QCFS
    requirements = Requirements(
        neuron="integrate-and-fire with time-dependent bias", calibration_images=200
    )
    negative_threshold: ClassVar[float | None] = None

    def simulation(self, network: fx.GraphModule, backend: str) -> Simulation:
        spiking = convert(network, backend, negative_threshold=self.negative_threshold)
        return WithBiases(spiking, network)


class FTBCWithSNM(FTBC):
    """FTBC on the signed neurons of SNM, as the paper combines them."""

    name = "ftbc-snm"
    requirements = replace(
        FTBC.requirements,
        neuron="signed integrate-and-fire with time-dependent bias",
        spike_levels=SNM.requirements.spike_levels,
        state_values=SNM.requirements.state_values,
    )
    negative_threshold = SNM.negative_threshold


class WithBiases(FromRest):
    """Simulation from rest that has to be calibrated first.

    Args:
        network: from `resnoise.convert`.
        source: the network that it approximates.
    """

    def __init__(self, network: SpikingNetwork, source: fx.GraphModule) -> None:
        super().__init__(network)
        self.source = source

    def calibrate_(self, images: Tensor, timesteps: int) -> None:
        """Find biases for T steps and every smaller number, see `temporal_biases_`."""
        temporal_biases_(self.network, self.source, images, timesteps)

    def __call__(self, images: Tensor, timesteps: int) -> Tensor:
        if any(layer.bias is None for layer in self.network.spiking_layers.values()):
            raise ConfigError(
                "expected a simulation that was calibrated, but this one has no biases yet; call "
                "its `calibrate_` with training images first"
            )
        return super().__call__(images, timesteps)


@torch.no_grad()
def temporal_biases_(
    network: SpikingNetwork,
    source: fx.GraphModule,
    images: Tensor,
    timesteps: int,
    step_size: float = STEP_SIZE,
) -> None:
    r"""Give each channel of each layer of neurons a bias a step, from calibration images.

    Layer after layer, with the biases of the layers before in force, and step after step: with a
    the source network's activation of an image, the error of each element is

    .. math::
        e(t) = θ s(t) - a, \qquad b(t) = -α \, \overline{e(t)}

    the mean taken over images and space. The spikes s(t) of this rule are those of neurons that had
    all their errors up to t - 1 taken out of their potential, each element its own; e(t) is taken
    out and the spikes are drawn again before the next step. As nothing depends on later steps, the
    biases for T contain those for every smaller number.

    Args:
        network: from `resnoise.convert`; its layers get the biases.
        source: network that it was converted from, in evaluation mode.
        images: training images, tensor of shape `[N, C, H, W]`.
        timesteps: T.
        step_size: α.

    Raises:
        ConfigError: `timesteps` is below 1.
        DataError: there is no image, or images are not finite floating-point numbers of a shape
            that the network takes.

    Source: Wu et al., ECCV 2024, arXiv 2403.18388, algorithm 1, as in the authors' code for QCFS.
    """
    require_positive_int("timesteps", timesteps)
    require_some_images(images)
    network.bytes_per_image_step(images)  # an error of its own for another shape
    with recorded_outputs(activations(source)) as activation, evaluating(source):
        source(images)
    network.set_bias_({name: a.new_zeros(timesteps, a.shape[1]) for name, a in activation.items()})
    corrected: dict[str, IFState] = {}

    def find_bias(name: str) -> Callable[[SpikingLayer, tuple], None]:
        def hook(layer: SpikingLayer, given: tuple) -> None:
            current, _, state = given
            before = 0 if state is None else state.steps
            now = current.unsqueeze(0)
            own = corrected.get(name) or initial_state(current, layer.threshold)
            (spikes,), _ = layer.neurons(now, own)
            error = layer.threshold * spikes - activation[name]
            _, corrected[name] = layer.neurons(now - error, own)
            channels = error.transpose(0, 1).flatten(1).double()
            layer.bias[before] = -step_size * channels.mean(1)

        return hook

    handles = [
        layer.register_forward_pre_hook(find_bias(name))
        for name, layer in network.spiking_layers.items()
    ]
    try:
        state = None
        for _ in range(timesteps):
            _, state = network(images, 1, state)
    except BaseException:  # biases of some steps would pass for a calibration
        for layer in network.spiking_layers.values():
            layer.bias = None
        raise
    finally:
        for handle in handles:
            handle.remove()
