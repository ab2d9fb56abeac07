"""A time by which work is to end in good order, as before a lease of a machine runs out."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field

from resnoise.errors import ConfigError, Stopped

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
RESERVE = 1.1
"""Of the time that a piece of work has taken so far, what the next is given."""


@dataclass(frozen=True)
class Deadline:
    """When to end. It is one for all processes of a machine.

    Args:
        at: seconds since the epoch of `time.time()`.
        seconds: what was given until then, in all.

    Examples:
        >>> deadline = Deadline.after(60.0)
        >>> deadline.leaves(30.0), deadline.leaves(90.0)
        (True, False)
    """

    at: float
    seconds: float
    # Whether this process has begun work, or was to.
    _asked: list[bool] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The time `seconds` from now."""
        return cls(time.time() + seconds, seconds)

    @property
    def left(self) -> float:
        """Seconds until then, below 0 afterwards."""
        return self.at - time.time()

    def leaves(self, seconds: float) -> bool:
        """Whether there is time for what has taken so many seconds before."""
        return self.left >= RESERVE * seconds and self.left > 0

    def is_over_at_first(self) -> bool:
        """Whether this process is asked for the first time, and has no time for any work.

        Whoever repeats the call until it is done would then do so for ever.
        """
        first = not self._asked
        self._asked.append(True)
        return first and self.left <= 0

    def too_short(self) -> ConfigError:
        """What is wrong with a time that is over before any work can begin."""
        taken = math.ceil(self.seconds - self.left)
        return ConfigError(
            f"expected `stop_after` to be longer than it takes to begin, about {taken} seconds "
            f"here, but got {self.seconds:g}; nothing is lost"
        )

    def require(self, seconds: float, done: str) -> None:
        """Raise `Stopped` unless there is time left for work of so many seconds.

        Args:
            seconds: what the work has taken before; 0 if that is not known.
            done: what is done so far, such as `"12 of 60 epochs"`.

        Raises:
            ConfigError: the time was over before any work could begin.
        """
        if self.is_over_at_first():
            raise self.too_short()
        if not self.leaves(seconds):
            raise Stopped(done)

    def require_one(self, seconds: float, what: str) -> None:
        """Raise `ConfigError` if work of so many seconds fits at no time into what was given."""
        if seconds > self.seconds:
            raise ConfigError(
                f"expected `stop_after` to be as long as {what}, about {math.ceil(seconds)} "
                f"seconds here, but got {self.seconds:g}; nothing before it is lost"
            )


def duration(text: str) -> float:
    """Seconds from text such as `90`, `15m` or `2h`.

    Raises:
        ConfigError: it is no duration, or 0.

    Examples:
        >>> duration("15m")
        900.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < math.inf:
        raise ConfigError(f"expected a time such as 90, 15m or 2h, but got {text!r}")
    return seconds
