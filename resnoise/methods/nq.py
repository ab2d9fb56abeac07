"""NQ: noise of the size of the residual error, so the source network learns to live with it."""

from __future__ import annotations

from resnoise.methods.conversion import ConversionMethod


class NQ(ConversionMethod):
    """Residual-noise training (Huang et al., arXiv 2404.17456, TNNLS 2025).

    σ is 0 in the first epoch and is induced anew after every epoch.
    """

    name = "nq"
    induces_noise = True
