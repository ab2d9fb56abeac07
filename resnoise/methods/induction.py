"""Noise induction: the residual error between a source network and its own spiking network.

The error of layer `l` is end to end, each network fed by its own upstream layers:

    e_l = q(z_l) − θ_l · (1/T) Σ_t s_l(t)

and the noise of the next epoch has `σ_l = sqrt(mean over batches of var(e_l))`. The paper argues
that the mean of `e_l` is near zero; it is recorded, and not used unless an extension says so.

Beyond the paper the error can be local, that of one layer of neurons against the activation of the
mean current it received itself:

    e_l = q((1/T) Σ_t I_l(t)) − θ_l · (1/T) Σ_t s_l(t)

Source: Huang et al., arXiv 2404.17456, section on noise induction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import hypot, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, fx

from resnoise.config.checks import require_positive_int
from resnoise.config.recipe import Extensions
from resnoise.conversion.activation import QuantisedReLU, activations, evaluating, quantise
from resnoise.conversion.converter import convert
from resnoise.errors import DataError
from resnoise.methods.side_by_side import Measured, Piece, SideBySide
from resnoise.noise.residual import HISTOGRAM_BINS, Finished, LayerError, Moments, joined
from resnoise.simulation.batching import portion
from resnoise.simulation.folded_time import mean_over_time
from resnoise.simulation.layer import SpikingLayer
from resnoise.simulation.simulator import predictions
from resnoise.utils.calls import recorded_calls, recorded_outputs
from resnoise.utils.ranks import gathered


class Induction(NamedTuple):
    """What one pass over held-out images gives.

    Attributes:
        accuracy: of the spiking network after each number of steps 1..T, as fractions.
        layers: residual error by layer name.
    """

    accuracy: tuple[float, ...]
    layers: dict[str, LayerError]


@torch.inference_mode()
def induce(
    network: fx.GraphModule,
    batches: Iterable[tuple[Tensor, Tensor]],
    timesteps: int,
    *,
    local: bool = False,
    histograms: bool = True,
    side_by_side: bool = False,
) -> Induction:
    """Measure the residual error of a source network on held-out images.

    In a group of processes, see `resnoise.utils.ranks`, each measures on batches of its own, and
    all get the result of all.

    Args:
        network: source network; it is left as it was, and its noise is off for the measurement.
        batches: pairs of images `[N, C, H, W]` and labels `[N]`, on the device of the network.
        timesteps: T of the simulation, 4 in the paper.
        local: whether each layer's error is its own, instead of end to end.
        histograms: whether to count the errors in `LayerError.level_counts` too, which takes about
            as long as the simulation.
        side_by_side: whether both networks run in one pass, which accelerators are faster at; σ
            is then the same but for rounding.

    Returns:
        The accuracy of the spiking network at 1..T steps, and the residual error of every layer.

    Raises:
        ConfigError: `timesteps` is below 1.
        ConversionError: the network cannot be converted.
        DataError: there are no batches, or images of their shape cannot be simulated.

    Examples:
        >>> import resnoise
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> network = resnoise.prepare(model, resnoise.ActivationConfig(threshold=1.0)).eval()
        >>> held_out = [(torch.rand(8, 1, 2, 2), torch.randint(2, (8,)))]
        >>> induction = induce(network, held_out, timesteps=4)
        >>> len(induction.accuracy), list(induction.layers)
        (4, ['2'])
    """
    require_positive_int("timesteps", timesteps)
    kind = SideBySide if side_by_side else _OneAfterTheOther
    both = kind(network, timesteps, local)
    moments = {name: Moments(layer.levels) for name, layer in activations(network).items()}
    correct: Tensor | int = 0
    seen = 0
    for piece in both.pieces(batches):
        logits = both(piece.images)
        for name, (quantised, rate) in both.measured.items():
            error = quantised - rate
            for index, of_batch in enumerate(error.split(piece.sizes)):
                if index > 0:
                    moments[name].end_batch()
                moments[name].add(of_batch)
            if histograms:
                moments[name].count(error, quantised, both.thresholds[name])
        if piece.is_end:
            for layer_moments in moments.values():
                layer_moments.end_batch()
        correct = correct + (predictions(logits) == piece.labels).sum(1)
        seen += len(piece.labels)
    # Only now is the device waited for.
    finished = {name: layer_moments.finished() for name, layer_moments in moments.items()}
    right = correct.tolist() if seen else []
    shares = gathered(_Share(right, seen, finished))
    seen = sum(share.seen for share in shares)
    if not seen:
        raise DataError("expected held-out images to measure the residual error on, but got none")
    right = torch.tensor([share.right for share in shares if share.right]).sum(0)
    return Induction(
        tuple((right.double() / seen).tolist()),
        {
            name: joined([share.layers[name] for share in shares]).result(threshold)
            for name, threshold in both.thresholds.items()
        },
    )


class _Share(NamedTuple):
    """What one process of a group measured."""

    right: list[int]
    seen: int
    layers: dict[str, Finished]


class _OneAfterTheOther:
    """The spiking network, then the source network; see `SideBySide` for what it is called with."""

    def __init__(self, network: fx.GraphModule, timesteps: int, local: bool) -> None:
        self.timesteps = timesteps
        self.local = local
        self.network = network
        self.spiking = convert(network)
        self.measured: dict[str, Measured] = {}
        neurons = self.spiking.spiking_layers
        self.thresholds = {name: layer.threshold for name, layer in neurons.items()}

    def pieces(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[Piece]:
        for images, labels in batches:
            most = portion(self.spiking, images, self.timesteps).images
            parts = list(zip(images.split(most), labels.split(most), strict=True))
            for index, (some, theirs) in enumerate(parts, 1):
                yield Piece(some, theirs, [len(theirs)], is_end=index == len(parts))

    def __call__(self, images: Tensor) -> Tensor:
        neurons, sources = self.spiking.spiking_layers, activations(self.network)
        with recorded_calls(neurons) as simulated:
            logits = self.spiking(images, self.timesteps)[0]
        if not self.local:
            with recorded_outputs(sources) as computed, evaluating(self.network):
                self.network(images)
        self.measured = {}
        for name, layer in neurons.items():
            (current, *_), (output, _) = simulated[name]
            quantised = (
                _quantised(layer, sources[name], current, self.timesteps)
                if self.local
                else computed[name]
            )
            self.measured[name] = Measured(quantised, mean_over_time(output, self.timesteps))
        return logits


def _quantised(
    neurons: SpikingLayer, source: QuantisedReLU, current: Tensor, timesteps: int
) -> Tensor:
    """The activation of the mean current that neurons received."""
    if not neurons.constant_input:
        current = mean_over_time(current, timesteps)
    return quantise(current, neurons.threshold, source.levels)


def extend_noise_(network: fx.GraphModule, extensions: Extensions) -> None:
    """Make every activation of `network` keep what the extensions need of the measured error."""
    for layer in activations(network).values():
        if extensions.compensate:
            layer.mean_error = torch.zeros(())
        if extensions.distribution != "gaussian":
            by_level = extensions.distribution == "conditional"
            shape = (layer.levels + 1, HISTOGRAM_BINS) if by_level else (HISTOGRAM_BINS,)
            # No error was measured yet: all are in the bin of 0.
            layer.error_counts = torch.zeros(shape, dtype=torch.int64)
            layer.error_counts[..., HISTOGRAM_BINS // 2] = 1


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

    Examples:
        >>> import resnoise
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> network = resnoise.prepare(model, resnoise.ActivationConfig(threshold=1.0)).eval()
        >>> held_out = [(torch.rand(8, 1, 2, 2), torch.randint(2, (8,)))]
        >>> induction = induce(network, held_out, timesteps=4)
        >>> set_noise_(network, induction)
        >>> activations(network)["2"].sigma.item() == induction.layers["2"].sigma
        True
    """
    for name, layer in activations(network).items():
        error, kept = induction.layers[name], averaging if layer.sigma > 0 else 0.0
        old = layer.sigma.item()
        layer.set_sigma_(hypot(sqrt(kept) * old, sqrt(1 - kept) * error.sigma))
        if layer.mean_error is not None:
            layer.mean_error.fill_(error.mean)
        if layer.error_counts is not None:
            counts = error.level_counts if layer.is_noise_by_level else error.counts
            layer.error_counts.copy_(torch.tensor(counts))
