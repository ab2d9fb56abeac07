"""Noise induction: the residual error between a source network and its own spiking network.

The error of layer `l` is end to end, each network fed by its own upstream layers:

    e_l = q(z_l) − θ_l · (1/T) Σ_t s_l(t)

and the noise of the next epoch has `σ_l = sqrt(mean over batches of var(e_l))`. The paper argues
that the mean of `e_l` is near zero; it is recorded, and not used unless an extension says so.

Source: Huang et al., arXiv 2404.17456, section on noise induction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from math import hypot, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, fx

from resnoise.activation import activations, evaluating
from resnoise.config import Extensions
from resnoise.convert import convert
from resnoise.errors import DataError
from resnoise.portions import portion
from resnoise.simulate import predictions

# Errors of a network with L levels are multiples of λ/L and θ/T. Bins are 1/16 wide and centred on
# multiples of that, so for the usual powers of two no edge falls on an error.
HISTOGRAM_BINS = 33
HISTOGRAM_LIMIT = 33 / 32
HISTOGRAM_EDGES = tuple((2 * i - HISTOGRAM_BINS) / 32 for i in range(HISTOGRAM_BINS + 1))
_HISTOGRAM_CHUNK = 2**24  # torch counts in float32, which goes no further


class LayerError(NamedTuple):
    """Residual error of one layer.

    Attributes:
        mean: of `e_l`, in the unit of the activation.
        std: standard deviation of `e_l` over everything, in the same unit.
        sigma: `sqrt(mean over batches of var(e_l))`, the noise it gives.
        threshold: θ_l, to express the others in.
        counts: how many `e_l / θ_l` fall in each of `HISTOGRAM_BINS` equal bins between
            `±HISTOGRAM_LIMIT`; all 0 where they were not asked for.
    """

    mean: float
    std: float
    sigma: float
    threshold: float
    counts: tuple[int, ...]


class Induction(NamedTuple):
    """What one pass over held-out images gives.

    Attributes:
        accuracy: of the spiking network after each number of steps 1..T, as fractions.
        layers: residual error by layer name.
    """

    accuracy: tuple[float, ...]
    layers: dict[str, LayerError]


class _Moments:
    """Running moments of one layer's error over batches, in float64."""

    def __init__(self) -> None:
        self.finished = _Sums(0, 0.0, 0.0)
        self.batch = _Sums(0, 0.0, 0.0)
        self.variances = 0.0
        self.batches = 0
        self.counts = torch.zeros(HISTOGRAM_BINS, dtype=torch.int64)

    def add(self, error: Tensor) -> None:
        """Add errors of some images of a batch."""
        # Several times faster than `torch.var_mean`; means are far below the deviations, so
        # nothing is lost to cancellation.
        total, norm = error.sum().item(), torch.linalg.vector_norm(error).item()
        self.batch += _Sums(error.numel(), total, norm**2)

    def count(self, error: Tensor, threshold: Tensor) -> None:
        """Add the same errors to the histogram."""
        scaled = error.float() / threshold
        for part in scaled.flatten().split(_HISTOGRAM_CHUNK):
            counts = torch.histc(part, HISTOGRAM_BINS, -HISTOGRAM_LIMIT, HISTOGRAM_LIMIT)
            self.counts += counts.to(self.counts)

    def end_batch(self) -> None:
        self.variances += self.batch.variance
        self.batches += 1
        self.finished += self.batch
        self.batch = _Sums(0, 0.0, 0.0)

    def result(self, threshold: Tensor) -> LayerError:
        return LayerError(
            mean=self.finished.mean,
            std=self.finished.variance**0.5,
            sigma=(self.variances / self.batches) ** 0.5,
            threshold=threshold.item(),
            counts=tuple(self.counts.tolist()),
        )


class _Sums(NamedTuple):
    """Number of values, their sum and the sum of their squares."""

    number: int
    total: float
    squares: float

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def mean(self) -> float:
        return self.total / self.number

    @property
    def variance(self) -> float:
        return max(self.squares / self.number - self.mean**2, 0.0)


@torch.inference_mode()
def induce(
    network: fx.GraphModule,
    batches: Iterable[tuple[Tensor, Tensor]],
    timesteps: int,
    *,
    histograms: bool = True,
) -> Induction:
    """Measure the residual error of a source network on held-out images.

    Args:
        network: source network; it is left as it was, and its noise is off for the measurement.
        batches: pairs of images `[N, C, H, W]` and labels `[N]`, on the device of the network.
        timesteps: T of the simulation, 4 in the paper.
        histograms: whether to count the errors in `LayerError.counts` too, which takes about as
            long as the simulation.

    Returns:
        The accuracy of the spiking network at 1..T steps, and the residual error of every layer.

    Raises:
        DataError: there are no batches.
    """
    spiking = convert(network)
    thresholds = {name: layer.threshold for name, layer in spiking.spiking_layers.items()}
    moments = {name: _Moments() for name in thresholds}
    correct = torch.zeros(timesteps, dtype=torch.int64)
    images_seen = 0
    for images, labels in batches:
        logits = []
        for part in images.split(portion(spiking, images, timesteps).images):
            with _outputs(spiking.spiking_layers) as rates:
                logits.append(spiking(part, timesteps)[0])
            with _outputs(activations(network)) as quantised, evaluating(network):
                network(part)
            for name, (output, _) in rates.items():
                # Adding step to step is several times faster than `mean` along the first axis.
                rate = reduce(torch.add, output.unflatten(0, (timesteps, -1))) / timesteps
                error = quantised[name] - rate
                moments[name].add(error)
                if histograms:
                    moments[name].count(error, thresholds[name])
        for layer in moments.values():
            layer.end_batch()
        logits = torch.cat(logits, dim=1)
        correct += (predictions(logits) == labels).sum(1).cpu()
        images_seen += len(labels)
    if not images_seen:
        raise DataError("expected held-out images to measure the residual error on, but got none")
    return Induction(
        tuple((correct.double() / images_seen).tolist()),
        {name: moments[name].result(thresholds[name]) for name in thresholds},
    )


def extend_noise_(network: fx.GraphModule, extensions: Extensions) -> None:
    """Make every activation of `network` keep what the extensions need of the measured error."""
    for layer in activations(network).values():
        if extensions.compensate:
            layer.mean_error = torch.zeros(())
        if extensions.distribution == "measured":
            # No error was measured yet: all are in the bin of 0.
            layer.error_counts = torch.zeros(HISTOGRAM_BINS, dtype=torch.int64)
            layer.error_counts[HISTOGRAM_BINS // 2] = 1


@torch.no_grad()
def set_noise_(network: fx.GraphModule, induction: Induction, averaging: float = 0.0) -> None:
    r"""Give every activation of `network` the noise that was measured for it.

    .. math::
        σ² \leftarrow m σ² + (1 - m) \hat σ²

    with :math:`\hat σ` as measured. A σ of 0, as before the first induction, is not averaged with.

    Args:
        network: source network; its activations are changed in place.
        induction: the measurement, with histograms if the noise is drawn from them.
        averaging: m, in [0, 1).
    """
    for name, layer in activations(network).items():
        error, kept = induction.layers[name], averaging if layer.sigma > 0 else 0.0
        old = layer.sigma.item()
        layer.set_sigma_(hypot(sqrt(kept) * old, sqrt(1 - kept) * error.sigma))
        if layer.mean_error is not None:
            layer.mean_error.fill_(error.mean)
        if layer.error_counts is not None:
            layer.error_counts.copy_(torch.tensor(error.counts))


@contextmanager
def _outputs(layers: dict[str, torch.nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Within the context, collect by name what `layers` return."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str):
        return lambda module, inputs, output: outputs.__setitem__(name, output)

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
