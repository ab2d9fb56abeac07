r"""Thresholds for a network not trained for conversion, from a few of its training images.

A plain ReLU, or ReLU6, has no threshold of its own: one is chosen for every layer, or for every
channel, from the activations that calibration images give. Depthwise convolutions make channels
differ so much that one threshold a layer leaves most of them a level or two (Nagel et al., ICCV
2019, arXiv 1906.04721, who scale channels of one layer against those of the next as is done here).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, fx

from resnoise.config.checks import require_number
from resnoise.conversion.activation import QuantisedReLU, activations, evaluating
from resnoise.conversion.rescaling import require_not_rescaled, rescale_channels_
from resnoise.errors import ConfigError, DataError
from resnoise.utils.tensors import require_some_images

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
        DataError: there is no image, images are not finite floating-point numbers, or an activation
            is not finite.

    Examples:
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
    require_not_rescaled(network)
    require_some_images(images)

    layers = activations(network)
    largest = _collected(network, images, _largest, torch.maximum)
    for name, values in largest.items():
        if not values.isfinite().all():
            raise DataError(f"expected finite activations, but layer `{name}` has infinite or NaN")
    if per == "layer":
        largest = {name: values.amax().expand_as(values) for name, values in largest.items()}
    counts = _collected(
        network, images, lambda name, x: _histogram(x, largest[name].flatten()), torch.add
    )
    thresholds = {}
    for name, layer in layers.items():
        bounds, of_layer = largest[name].flatten(), counts[name]
        if per == "layer":
            bounds, of_layer = bounds[:1], of_layer.sum(0, keepdim=True)
        chosen = _threshold(bounds, of_layer, by, percentile, layer.levels)
        chosen[bounds == 0] = chosen.amax() if chosen.any() else 1.0
        thresholds[name] = chosen[0] if per == "layer" else chosen
        layer.set_threshold_(thresholds[name].item() if per == "layer" else 1.0)
    if per == "channel":
        rescale_channels_(
            network, {name: theta.view_as(largest[name]) for name, theta in thresholds.items()}
        )
    return thresholds


def _threshold(largest: Tensor, counts: Tensor, by: str, percentile: float, levels: int) -> Tensor:
    """θ of every channel, tensor of shape `[C]`, from the largest activation of each `[C]` and the
    counts of its positive ones in equal bins from 0 to that, `[C, _BINS]`; 0 where there are none.
    """
    if by == "max":
        return largest.clone()
    if by == "percentile":
        cumulative = counts.cumsum(1).double()
        wanted = cumulative[:, -1:] * (percentile / 100)
        bins = torch.searchsorted(cumulative, wanted).squeeze(1).clamp_max(_BINS - 1)
        return largest * (bins + 1) / _BINS
    # All in units of the largest: a threshold scales with it.
    x = (torch.arange(_BINS, dtype=torch.float64) + 0.5) / _BINS
    candidates = torch.arange(1, _CANDIDATES + 1, dtype=torch.float64) / _CANDIDATES
    step = candidates[:, None] / levels
    quantised = (x / step + 0.5).floor_().clamp_(max=levels) * step
    errors = counts.cpu().double() @ (quantised - x).square_().T
    return largest * candidates[errors.argmin(1)].to(largest)


def _largest(name: str, x: Tensor) -> Tensor:
    """The largest of every channel of `x` [N, C, ...], tensor of shape `[C, 1, ...]`."""
    return x.amax((0, *range(2, x.dim())), keepdim=True)[0]


def _histogram(x: Tensor, largest: Tensor) -> Tensor:
    """Counts of the positive of `x` [N, C, ...], by channel in `_BINS` bins from 0 to `largest`
    [C], int64 tensor of shape `[C, _BINS]`.
    """
    rows = x.transpose(0, 1).flatten(1)
    scale = torch.where(largest > 0, _BINS / largest, 0)
    bins = (rows * scale[:, None]).to(torch.int64).clamp_(max=_BINS - 1)
    bins += torch.arange(len(rows), device=rows.device)[:, None] * _BINS
    return torch.bincount(bins[rows > 0], minlength=len(rows) * _BINS).view(len(rows), _BINS)


def _collected(
    network: fx.GraphModule,
    images: Tensor,
    measure: Callable[[str, Tensor], Tensor],
    combine: Callable[[Tensor, Tensor], Tensor],
) -> dict[str, Tensor]:
    """What `measure(name, x)` gives of every layer's plain activations x `[N, C, ...]`, combined
    over the images.
    """
    found: dict[str, Tensor] = {}

    def hook(name: str):
        def plain(layer: QuantisedReLU, inputs: tuple[Tensor], output: Tensor) -> Tensor:
            x = inputs[0].clamp(0, layer.ceiling)
            measured = measure(name, x)
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
