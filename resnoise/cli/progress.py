"""How far work is, and how long it will take: a bar for people, lines for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from resnoise.cli.display import console
from resnoise.utils import progress
from resnoise.utils.text import escaped

SECONDS_BETWEEN_LINES = 60.0
_FEWEST_SECONDS = 3.0
"""Before the time that is left is told: the first steps are slower than the rest."""


class TimeLeft:
    """The time that work will still take, from how long it took so far.

    Work that was resumed counts from where it was resumed.

    Args:
        clock: seconds, such as `time.monotonic`.

    Examples:
        >>> seconds = iter([0.0, 10.0])
        >>> left = TimeLeft(lambda: next(seconds))
        >>> left(20, 100), left(30, 100)
        ('', '1 min 10 s left')
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, int] | None = None

    def __call__(self, done: int, total: int) -> str:
        """What is left when `done` of `total` is done; nothing as long as that is a guess."""
        now = self._clock()
        if self._first is None:
            self._first = now, done
        start, before = self._first
        if now - start < _FEWEST_SECONDS or done <= before or done >= total:
            return ""
        return f"{duration((now - start) * (total - done) / (done - before))} left"


def duration(seconds: float) -> str:
    """A time as one tells it, in two units at most.

    Examples:
        >>> duration(42), duration(200), duration(5_000), duration(200_000)
        ('42 s', '3 min 20 s', '1 h 23 min', '2 d 7 h')
    """
    whole = round(seconds)
    for size, unit, smaller, name in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


@contextmanager
def progress_bars() -> Iterator[progress.Announce]:
    """Within the context: a function from the name of a piece of work to its progress callback.

    A piece that is announced takes the place of the one before it.
    """
    if not console.is_terminal:
        yield _announce_line
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Progress(*columns, console=console) as bars:
        current: list[TaskID] = []

        def announce(name: str) -> progress.Progress:
            while current:
                bars.remove_task(current.pop())
            task = bars.add_task(escaped(name), total=None, text="", left="")
            current.append(task)
            left = TimeLeft()

            def update(done: int, total: int, text: str) -> None:
                said = {"text": escaped(text), "left": left(done, total)}
                bars.update(task, completed=done, total=total, **said)

            return update

        yield announce


def _announce_line(name: str) -> progress.Progress:
    """A log gets one line per piece of work, and one per minute after that."""
    console.print(name, highlight=False)
    said = time.monotonic()
    left = TimeLeft()

    def update(done: int, total: int, text: str) -> None:
        nonlocal said
        rest = left(done, total)
        if time.monotonic() - said > SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            console.print(f"  {done}/{total} {', '.join(filter(None, (text, rest)))}",
                          highlight=False)  # fmt: skip

    return update
