"""What every row of a comparison is tested against."""

from __future__ import annotations

import re
from dataclasses import dataclass

from resnoise.errors import ConfigError
from resnoise.records import Record
from resnoise.report.groups import Row, with_levels


@dataclass(frozen=True)
class Reference:
    """The rows of one method, or of one method with one L.

    Attributes:
        method: name of the method.
        levels: L of its row that all others are tested against, those of the method with another L
            too; None lets each row meet the one of its own L.
    """

    method: str
    levels: int | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From `METHOD` or `METHOD:L`.

        Raises:
            ConfigError: `text` is neither.
        """
        match = re.fullmatch(r"([^:]+)(?::([1-9]\d*))?", text)
        if match is None:
            raise ConfigError(
                f"expected a reference such as nq, or nq:4 for its row with L = 4, got {text!r}"
            )
        method, levels = match.groups()
        return cls(method, None if levels is None else int(levels))

    def __str__(self) -> str:
        return with_levels(self.method, self.levels)

    def __contains__(self, row: Row | Record) -> bool:
        return row.method == self.method and self.levels in (None, row.levels)


NQ = Reference("nq")
