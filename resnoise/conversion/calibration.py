r"""Thresholds for a network that nobody trained for conversion, from a few of its training images.

A plain ReLU, or ReLU6, has no threshold of its own: one is chosen for every layer, or for every
channel, from the activations that calibration images give. Depthwise convolutions make channels
differ so much that one threshold a layer leaves most of them a level or two (Nagel et al., ICCV
2019, arXiv 1906.04721, who scale channels of one layer against those of the next as is done here).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, fx

from resnoise.config.checks import require_number
from resnoise.conversion.activation import QuantisedReLU, activations, evaluating
from resnoise.conversion.rescaling import rescale_channels_
from resnoise.errors import ConfigError, DataError

PER = ("layer", "channel")
BY = ("max", "percentile", "mse")
_BINS = 2048
_CANDIDATES = 128
_IMAGES = 10
"""Images a forward pass."""


@torch.no_grad()
def calibrate_thresholds_(
    network: fx.GraphModule,
    images: Tensor,
    *,
    per: Literal["layer", "channel"] = "channel",
    by: Literal["max", "percentile", "mse"] = "mse",
    percentile: float = 99.9,
) -> dict[str, Tensor]:
    r"""Choose the threshold θ of every layer or channel of a plain network, without training.

    Activations x = max(z, 0), clipped where the ReLU that was replaced clips, are collected in one
    run without quantisation and without noise. From those above 0,

    - `max`: θ is the largest (Diehl et al., IJCNN 2015);
    - `percentile`: that percentile of them (Rueckauer et al., Frontiers in Neuroscience 11, 2017);
    - `mse`: :math:`θ = \arg\min_θ \sum (q(x) - x)^2` with the L levels of the layer.

    They are counted in 2048 bins from 0 to the largest, so that a percentile is exact to a bin, and
    the squared error is that of 128 thresholds from 1/128 of the largest to all of it.

    A threshold for each channel c is folded into the weights: `z_c/θ_c` comes from the layer
    before, `θ_c` is multiplied into the layers after, and λ of the activation is 1. The neurons
    therefore have one θ a layer, as all backends and methods expect, and give the same bits on all
    of them: the only rounding is that of the weights, once. In exact arithmetic nothing changes,
    `relu(z) = θ_c relu(z/θ_c)`. Where no layer of weights stands next to the activation, as on a
    shortcut, the factor stays as a product of its own, which costs no synaptic operation.

    Args:
        network: source network from `resnoise.prepare`, with the weights of the plain network;
            changed in place.
        images: training images, none of them a test image, tensor of shape `[N, C, H, W]`.
        per: a threshold for each `layer` or each `channel`, the second dimension of `z`.
        by: rule to choose it by.
        percentile: in (0, 100], for `by="percentile"`.

    Returns:
        θ by layer name, in the unit of the activation of the plain network: tensor of shape `()`
        or `[C]`. A layer or channel that no image excites gets the largest of its layer, or 1.

    Raises:
        ConfigError: an argument is outside what is allowed, or thresholds of channels were folded
            into this network before.
        DataError: there is no image, or an activation is not finite.

    Example:
        >>> from torch import nn
        >>> from resnoise import ActivationConfig, prepare
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU6(), nn.Linear(2, 2)).eval()
        >>> network = prepare(model, ActivationConfig(levels=8))
        >>> thresholds = calibrate_thresholds_(network, torch.randn(64, 2))
        >>> thresholds["1"].shape, activations(network)["1"].threshold.item()
        (torch.Size([2]), 1.0)
    """
    for name, value, known in (("per", per, PER), ("by", by, BY)):
        if value not in known:
            raise ConfigError(
                f"expected argument `{name}` to be one of {', '.join(known)}, but got {value!r}"
            )
    require_number("percentile", percentile, above=0, at_most=100)
    if len(images) == 0:
        raise DataError("expected images to calibrate thresholds on, but got none")

    layers = activations(network)
    largest = _collected(network, images, lambda name, x: x.amax(1), torch.maximum)
    for name, values in largest.items():
        if not values.isfinite().all():
            raise DataError(f"expected finite activations, but layer `{name}` has infinite or NaN")
    if per == "layer":
        largest = {name: values.amax(0, keepdim=True).expand_as(values)
                   for name, values in largest.items()}  # fmt: skip
    counts = _collected(
        network, images, lambda name, x: _histogram(x, largest[name]), torch.add
    )
    thresholds = {}
    for name, layer in layers.items():
        activity = _Activity(largest[name], counts[name])
        if per == "layer":
            activity = _Activity(activity.largest[:1], activity.counts.sum(0, keepdim=True))
        chosen = _threshold(activity, by, percentile, layer.levels)
        chosen[activity.largest == 0] = chosen.amax() if chosen.any() else 1.0
        thresholds[name] = chosen[0] if per == "layer" else chosen
    if per == "channel":
        rescale_channels_(network, thresholds)
    for name, layer in layers.items():
        layer.set_threshold_(thresholds[name].item() if per == "layer" else 1.0)
    return thresholds


class _Activity(NamedTuple):
    """Activations of one layer.

    Attributes:
        largest: by channel, tensor of shape `[C]`, 0 where none is positive.
        counts: of positive ones, in `_BINS` equal bins from 0 to `largest`, `[C, _BINS]`.
    """

    largest: Tensor
    counts: Tensor


def _threshold(activity: _Activity, by: str, percentile: float, levels: int) -> Tensor:
    """θ of every channel, tensor of shape `[C]`; 0 where no activation is positive."""
    if by == "max":
        return activity.largest.clone()
    if by == "percentile":
        cumulative = activity.counts.cumsum(1).double()
        wanted = cumulative[:, -1:] * (percentile / 100)
        bins = torch.searchsorted(cumulative, wanted).squeeze(1).clamp_max(_BINS - 1)
        return activity.largest * (bins + 1) / _BINS
    # All in units of the largest; a threshold scales with it.
    x = (torch.arange(_BINS) + 0.5) / _BINS
    candidates = torch.arange(1, _CANDIDATES + 1) / _CANDIDATES
    step = candidates[:, None] / levels
    quantised = (x / step + 0.5).floor_().clamp_(max=levels) * step
    errors = activity.counts.double() @ (quantised - x).square_().double().T
    return activity.largest * candidates[errors.argmin(1)]


def _histogram(x: Tensor, largest: Tensor) -> Tensor:
    """Counts of the positive of `x` [C, M], in `_BINS` bins from 0 to `largest` [C]."""
    scale = torch.where(largest > 0, _BINS / largest, 0)
    bins = (x * scale[:, None]).to(torch.int64).clamp_(max=_BINS - 1)
    bins += torch.arange(len(x), device=x.device)[:, None] * _BINS
    return torch.bincount(bins[x > 0], minlength=len(x) * _BINS).view(len(x), _BINS)


def _collected(network: fx.GraphModule, images: Tensor, measure, combine) -> dict[str, Tensor]:
    """`measure(name, x)` of every layer's plain activations x `[C, M]`, combined over images."""
    found: dict[str, Tensor] = {}

    def hook(name: str):
        def plain(layer: QuantisedReLU, inputs: tuple[Tensor], output: Tensor) -> Tensor:
            x = inputs[0].clamp(0, layer.ceiling)
            measured = measure(name, x.transpose(0, 1).flatten(1))
            found[name] = combine(found[name], measured) if name in found else measured
            return x

        return plain

    handles = [m.register_forward_hook(hook(name)) for name, m in activations(network).items()]
    try:
        with evaluating(network):
            for part in images.split(_IMAGES):
                network(part)
    finally:
        for handle in handles:
            handle.remove()
    return found
