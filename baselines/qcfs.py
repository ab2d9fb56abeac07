"""QCFS: the quantised activation without noise (Bu et al., ICLR 2022, arXiv 2303.04347)."""

from __future__ import annotations

from resnoise.methods.conversion import ConversionMethod


class QCFS(ConversionMethod):
    """The same training as NQ with σ = 0."""

    name = "qcfs"
    induces_noise = False
