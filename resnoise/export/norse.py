"""A file for Norse alone, on its step function and its reset by subtraction."""

from __future__ import annotations

from pathlib import Path

from resnoise.export import loader
from resnoise.export.exported import Exported

_IMPORTS = "\nfrom norse.torch.functional import heaviside, reset"
# Norse's step is strict, `heaviside(x) = [x > 0]`; `1 − heaviside(θ − u)` is `[u ≥ θ]`.
_NEURONS = """\
def fire(current, threshold, v):
    u = v + current
    spikes = 1 - heaviside.heaviside(threshold - u)  # at the threshold itself, too
    return spikes, reset.reset_subtract(spikes, u, reset=None, th=threshold)"""


def write(exported: Exported, path: Path) -> list[Path]:
    """Write the weights and their loader; see `resnoise.export.loader.write`."""
    return loader.write(exported, path, library="Norse", imports=_IMPORTS, neurons=_NEURONS)
