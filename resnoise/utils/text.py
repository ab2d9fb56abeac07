"""Text on its way to a terminal, a file's name, a sentence or a message of one line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from numbers import Integral

# Control characters, halves of surrogate pairs, line separators, and marks that turn the direction
# of writing round: what changes a terminal, or shows another text than is there.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
_LONGEST_LINE = 2000
_FEW = 6


def is_plain(text: str) -> bool:
    """Whether `text` can be printed as it is: on one line, without control characters."""
    return _UNPRINTABLE.search(text) is None


def escaped(text: str) -> str:
    r"""`text` with what cannot be printed as Python writes it.

    Examples:
        >>> escaped("a\x1b[31m")
        'a\\x1b[31m'
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """A message as one line that can be read: without breaks, escaped, cut where it is endless."""
    line = escaped(" ".join(text.split()))
    if len(line) <= _LONGEST_LINE:
        return line
    half = _LONGEST_LINE // 2  # what to do about it stands at the end
    return f"{line[:half]} … {line[-half:]}"


def spoken(things: Iterable[object]) -> str:
    """Things as a sentence has them, integers with separators.

    Examples:
        >>> spoken([1, 2, 10_000])
        '1, 2 and 10,000'
    """
    *most, last = (f"{thing:,}" if isinstance(thing, Integral) else str(thing) for thing in things)
    return f"{', '.join(most)} and {last}" if most else last


def few(things: Collection[object], what: str) -> str:
    """The same of at most six things; more are counted.

    Examples:
        >>> few("ab", "letters"), few("abcdefgh", "letters")
        ('a and b', '8 letters')
    """
    return spoken(things) if len(things) <= _FEW else f"{len(things)} {what}"
