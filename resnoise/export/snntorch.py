"""A file for snnTorch alone, on `snntorch.Leaky`.

With `reset_mechanism="none"` the neuron integrates and fires, and the reset by subtraction is the
caller's. Its own, `reset_delay=False`, fires too rarely once a residual exceeds the threshold, and
the default subtracts one step late.
"""

from __future__ import annotations

from pathlib import Path

from resnoise.export import loader
from resnoise.export.exported import Exported

_IMPORTS = ", snntorch"
_NEURONS = """\
CELL = snntorch.Leaky(1.0, spike_grad=lambda x: (x >= 0).to(x), reset_mechanism="none")
def fire(current, threshold, v):
    CELL.threshold = threshold
    spikes, u = CELL(current, v)
    return spikes, u - threshold * spikes  # by subtraction; snnTorch's own comes a step late"""


def write(exported: Exported, path: Path) -> list[Path]:
    """Write the weights and their loader; see `resnoise.export.loader.write`."""
    return loader.write(exported, path, library="snnTorch", imports=_IMPORTS, neurons=_NEURONS)
