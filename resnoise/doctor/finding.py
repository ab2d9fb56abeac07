"""What one look at a machine found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple


class Finding(NamedTuple):
    """One line of what is said of a machine.

    Attributes:
        name: what was looked at.
        found: in words.
        is_well: whether it is as it should be; None where there is nothing to be wrong.
    """

    name: str
    found: str
    is_well: bool | None = None


def looked_at(name: str, look: Callable[[], Finding]) -> Finding:
    """What a look found; what goes wrong with it is a finding, too.

    Examples:
        >>> looked_at("kernels", lambda: 1.0 / 0)
        Finding(name='kernels', found='failed: float division by zero', is_well=False)
    """
    try:
        return look()
    # Whatever it is: the other looks are worth their time.
    except Exception as error:
        said = str(error).strip().split("\n")[0] or type(error).__name__
        return Finding(name, f"failed: {said}", False)


Looks = Iterator[tuple[str, Callable[[], Finding]]]
"""Each with its name, cheapest first."""
