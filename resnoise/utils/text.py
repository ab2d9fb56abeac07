"""Text of others on its way to a terminal, a file's name or a message of one line."""

from __future__ import annotations

import re

# Control characters, halves of surrogate pairs, line separators, and marks that turn the direction
# of writing round: what changes a terminal, or shows another text than is there.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]")
_LONGEST_LINE = 2000


def is_plain(text: str) -> bool:
    """Whether `text` can be printed as it is: on one line, without control characters."""
    return _UNPRINTABLE.search(text) is None


def escaped(text: str) -> str:
    r"""`text` with what cannot be printed as Python writes it.

    Example:
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
