"""Energy of counted operations, and what the network without spikes would take."""

from __future__ import annotations

from collections.abc import Mapping

MAC_PJ = 4.6
"""Energy of a 32-bit floating-point multiply-accumulate at 45 nm (Horowitz, ISSCC 2014)."""
AC_PJ = 0.9
"""Energy of a 32-bit floating-point addition at 45 nm (Horowitz, ISSCC 2014)."""


def energy_nj(macs: float, acs: float = 0.0) -> float:
    """`4.6 pJ · macs + 0.9 pJ · acs`, in nanojoules.

    Examples:
        >>> energy_nj(macs=1e6, acs=10e6)
        13600.0
    """
    return (MAC_PJ * macs + AC_PJ * acs) * 1e-3


def ann_macs(dense: Mapping[int, float]) -> float | None:
    r"""Multiply-accumulates of one forward pass of the network without spikes.

    The dense operations of a simulation are those before the first spike, once, and all others at
    every step, so two simulations tell what one step alone takes, which is one forward pass:

    .. math::
        D(t) = a + t b, \qquad D(1) = D(t_1) - (t_1 - 1) \frac{D(t_2) - D(t_1)}{t_2 - t_1}

    Args:
        dense: dense synaptic operations D of one image, by the number of steps simulated.

    Returns:
        D(1), or None if it takes a second number of steps to tell.

    Examples:
        >>> ann_macs({4: 100.0 + 4 * 900.0, 8: 100.0 + 8 * 900.0})
        1000.0
    """
    fewest, most = min(dense), max(dense)
    if fewest == 1:
        return dense[1]
    if fewest == most:
        return None
    a_step = (dense[most] - dense[fewest]) / (most - fewest)
    return dense[fewest] - (fewest - 1) * a_step
