"""The measured residual error as a distribution of mean 0 and variance 1, to draw noise from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from resnoise.noise.search import search


class Standardised(NamedTuple):
    """A distribution on the bins of a histogram.

    Attributes:
        values: one per bin, tensor of shape `[B]`, float64.
        cumulative: probability of a bin and all before it, tensor of shape `[B]`, float64.
    """

    values: Tensor
    cumulative: Tensor

    def at(self, probabilities: Tensor) -> Tensor:
        """The values at `probabilities` in [0, 1), in the order of the bins; of their shape."""
        return self.values[search(self.cumulative, probabilities)]


def standardise(counts: Tensor) -> Standardised:
    r"""Turn the histogram of the residual error e into the distribution of the noise ε.

    .. math::
        ε_b = -\frac{b - \mathrm{mean}(b)}{\mathrm{std}(b)}, \qquad P(ε_b) = \frac{n_b}{\sum n}

    for bins b of equal width. The sign turns because e = q − rate: what the spiking network sends
    is q − e. Where all errors are equal, ε is 0.

    Args:
        counts: how many errors fall in each bin, tensor of shape `[B]`, not all 0.
    """
    probability = counts.double() / counts.sum()
    bins = torch.arange(len(counts), dtype=torch.float64, device=counts.device)
    centred = bins - (probability * bins).sum()
    deviation = (probability * centred**2).sum().sqrt()
    # 0 where there is one bin only; the values of others are never drawn.
    return Standardised(-centred / deviation.clamp_min(1e-9), probability.cumsum(0))
