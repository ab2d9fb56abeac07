"""How long a call takes, and how much longer a spiking network takes than its source network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, fx, nn

from resnoise.config.checks import require_positive_int
from resnoise.conversion.activation import activations
from resnoise.conversion.folding import folded
from resnoise.errors import ConfigError
from resnoise.utils import device as devices
from resnoise.utils.replay import Replay


class Latency(NamedTuple):
    """Time of one call over several repeats.

    Attributes:
        median_s: median, in seconds.
        iqr_s: interquartile range, in seconds.
    """

    median_s: float
    iqr_s: float


def alternate(
    functions: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    warmup: int,
    device: torch.device | str,
) -> dict[str, Latency]:
    """Time several functions in turns (A B A B ...), so that drift of the machine hits all alike.

    Args:
        functions: what is timed, by name.
        repeats: timed calls of each.
        warmup: calls of each before those, not timed; 0 for none.
        device: on which they run; the clock stops when it has finished its work.

    Returns:
        The latency of each, by name.

    Raises:
        ConfigError: `repeats` is below 1, or `warmup` below 0.

    Examples:
        >>> sorted(alternate({"a": list, "b": dict}, repeats=3, warmup=1, device="cpu"))
        ['a', 'b']
    """
    require_positive_int("repeats", repeats)
    if warmup < 0:
        raise ConfigError(f"expected argument `warmup` to be not negative, but got {warmup}")
    device = torch.device(device)
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(-warmup, repeats):
        for name, function in functions.items():
            _synchronise(device)
            start = time.perf_counter()
            function()
            _synchronise(device)
            elapsed = time.perf_counter() - start
            if turn >= 0:
                seconds[name].append(elapsed)
    return {name: _summary(values) for name, values in seconds.items()}


def overhead_ratio(spiking: Latency, plain: Latency, timesteps: int) -> float:
    """`R(T)`: time of T steps over T times the time of one forward pass of the source network.

    Args:
        spiking: of a simulation of T steps.
        plain: of `plain_network`, timed in turns with it by `alternate`.
        timesteps: T, all steps that were simulated: τ + T where there are τ before those that
            count, so that the ratio says what a step costs and not how many there are.

    Raises:
        ConfigError: `timesteps` is below 1.

    Examples:
        >>> overhead_ratio(Latency(0.5, 0.0), Latency(0.125, 0.0), timesteps=4)
        1.0
    """
    require_positive_int("timesteps", timesteps)
    return spiking.median_s / (timesteps * plain.median_s)


def plain_network(network: fx.GraphModule) -> nn.Module:
    """The network without spikes that a spiking one is timed against.

    Args:
        network: source network from `resnoise.prepare`; it is copied, not changed.

    Returns:
        The same network with BatchNorm folded, as conversion folds it, and plain ReLUs, in
        evaluation mode and without gradients.

    Examples:
        >>> from resnoise import prepare
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        >>> [type(layer).__name__ for layer in plain_network(prepare(model)).modules()][1:]
        ['Conv2d', 'ReLU']
    """
    plain = folded(network)
    for name in activations(plain):
        plain.set_submodule(name, nn.ReLU())
    return plain


def forward_pass(network: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    """A forward pass without gradients, run as simulations are on this device: on CUDA as a graph.

    Args:
        network: from `plain_network`, on the device of the images.
        images: tensor of shape `[N, C, H, W]`.

    Returns:
        A function without arguments, to be timed beside a simulation of the same images.

    Examples:
        >>> forward_pass(nn.Linear(4, 3), torch.rand(5, 4))().shape
        torch.Size([5, 3])
    """
    graphs = devices.has_graphs(images.device)
    with torch.inference_mode():
        run = Replay(network, [images], captured=True) if graphs else network
    return torch.inference_mode()(lambda: run(images))


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _summary(seconds: list[float]) -> Latency:
    low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75))
    return Latency(float(median), float(high - low))
