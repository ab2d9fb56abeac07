"""How long work reports its progress: how far it is, and what it has found so far."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is to do, and a line about it."""

Announce = Callable[[str], Progress]
"""Called with the name of a piece of work, returns what is called with its progress."""


def silent(done: int, total: int, text: str) -> None:
    """Progress that nobody wants to hear of."""


def silence(name: str) -> Progress:
    """An announcement that nobody wants to hear."""
    return silent
