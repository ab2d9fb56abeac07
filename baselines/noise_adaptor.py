"""Noise Adaptor: uniform noise before rounding (Li & Rajendran, arXiv 2312.05290, 2411.17431).

The nearest rival of NQ: noise of a fixed size in place of one that is measured, and before rounding
in place of after it. The authors' code is not public.
"""

from __future__ import annotations

from torch import fx, nn

from resnoise.config.recipe import Recipe
from resnoise.conversion.activation import activations
from resnoise.methods.conversion_method import ConversionMethod
from resnoise.methods.plus import fine_tuning


class NoiseAdaptor(ConversionMethod):
    r"""Train with noise before rounding, evaluate without it.

    .. math::
        q = s \, \mathrm{clip}(\mathrm{round}(z / s + ε), 0, p), \qquad
        ε \sim \mathcal U(-\tfrac12, \tfrac12)

    with step s = λ/L and p = L. A neuron that should have been silent now and then sends a spike,
    and one that should have sent one sends none, as happens in a spiking network at few steps.

    Examples:
        >>> from resnoise import Recipe, activations
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> network = NoiseAdaptor().network(model, "noise-adaptor", Recipe())
        >>> [layer.dither for layer in activations(network).values()]
        [True]
    """

    name = "noise-adaptor"
    paper = "https://arxiv.org/abs/2312.05290"
    induces_noise = False

    def network(self, model: nn.Module, training: str, recipe: Recipe) -> fx.GraphModule:
        network = super().network(model, training, recipe)
        for layer in activations(network).values():
            layer.noise = "training"
            layer.dither = True
        return network


class NoiseAdaptorPlus(NoiseAdaptor):
    """QCFS, fine-tuned by Noise Adaptor for as long as `nq-plus` is, with its ramp."""

    name = "noise-adaptor-plus"
    reported_as = NoiseAdaptor.name

    def recipe(self, base: Recipe) -> Recipe:
        return fine_tuning(base, ramp=0.25)
