"""How often a training looks at what it has computed, and how long an epoch will take."""

from __future__ import annotations

import time

STEPS = 20
"""Between two looks on a CPU."""
SECONDS = 1.0
"""Between two looks at an accelerator, which has to finish all it was given first."""


class Pace:
    """The clock of an epoch.

    Args:
        steps: of the epoch.
        accelerated: whether looking at a value waits for the device.
    """

    def __init__(self, steps: int, accelerated: bool) -> None:
        self._steps = steps
        self._accelerated = accelerated
        self._looked = time.perf_counter()
        self._first: float | None = None

    def is_time_to_look(self, index: int) -> bool:
        """Whether to look at the loss after step `index`, from 0; the last step is one to look at.

        An accelerator is not looked at in an epoch of less than a second.
        """
        now = time.perf_counter()
        if self._first is None:
            self._first = now  # the step before it may have compiled
        due = now - self._looked >= SECONDS if self._accelerated else index % STEPS == 0
        if due or index == self._steps - 1:
            self._looked = now
            return True
        return False

    def epoch_seconds(self, index: int) -> float:
        """What the whole epoch will take, by the steps after the first; 0 if that is not known."""
        if not index or self._first is None:
            return 0.0
        return (time.perf_counter() - self._first) / index * self._steps
