"""One hostile input: a command, and what is done to its files before."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.attack.ground import Ground
from tests.attack.outcome import call


class Attack(NamedTuple):
    """A command, run in a folder with a checkpoint, records and photographs.

    Attributes:
        name: in one line.
        command: arguments of `resnoise`.
        spoil: changes the files.
        refused: whether it must fail.
    """

    name: str
    command: tuple[str, ...]
    spoil: Callable[[Ground], object] | None = None
    refused: bool = False

    def run(self, ground: Ground) -> list[str]:
        """Do it; what is wrong with how it ended, a line each."""
        outside = ground.outside()
        ground.renew()
        if self.spoil is not None:
            self.spoil(ground)
        outcome = call([*self.command], cwd=ground.inside)
        faults = outcome.faults()
        if self.refused and outcome.status == 0:
            faults.append("believed")
        if strange := ground.outside() ^ outside:
            faults.append(f"changed {sorted(strange)[0]}")
        return faults
