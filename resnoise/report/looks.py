"""The colour and the marker of a method, the same in every figure of every page, and of backends.

They follow from the name alone, so that a method of any package has them without being known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import cycle

# Okabe and Ito's palette, distinguishable with any colour vision; its yellow is lost on white. The
# second of each is for dark grounds.
PALETTE = {
    "#0072b2": "#3d9be0",
    "#d55e00": "#ff8a47",
    "#009e73": "#2cd3a6",
    "#cc79a7": "#f0a8d0",
    "#e69f00": "#f7c64a",
    "#56b4e9": "#9adcff",
    "#111111": "#f2f2f2",
}
# No method's: lines rather than areas, in greys.
BACKENDS = {"#3f4650": "#d5dae0", "#7d8590": "#9aa3ae", "#aab1ba": "#6b7480"}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
_BACKEND_MARKERS = ("x", "+", "1", "2")

# Chosen so that all methods of this suite differ, and, as far as seven colours reach, those that
# stand in one table in colour.
_SALT = 150258096
_SLOTS = len(PALETTE) * len(_MARKERS)
_STEP = 11  # to another colour and another marker, and in the end to every pair

Looks = dict[str, dict[str, str]]


def method_looks(names: Iterable[str]) -> Looks:
    """Colour and marker of each method, by its name.

    Of two that would look the same the later in the alphabet gets the next free pair.
    """
    taken: set[int] = set()
    looks = {}
    for name in sorted(set(names)):
        digest = hashlib.sha256(f"{_SALT}/{name}".encode()).digest()
        slot = int.from_bytes(digest[:4], "big") % _SLOTS
        while slot in taken and len(taken) < _SLOTS:
            slot = (slot + _STEP) % _SLOTS
        taken.add(slot)
        marker, color = divmod(slot, len(PALETTE))
        looks[name] = {"color": tuple(PALETTE)[color], "marker": _MARKERS[marker]}
    return looks


def backend_looks(names: Iterable[str]) -> Looks:
    """Grey and marker of each backend, in the order of the alphabet."""
    pairs = zip(sorted(set(names)), cycle(BACKENDS), cycle(_BACKEND_MARKERS), strict=False)
    return {name: {"color": color, "marker": marker} for name, color, marker in pairs}
