"""What every row of a comparison is tested against."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from resnoise.errors import ConfigError, RecordError
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

    def require_in(self, records: Iterable[Record]) -> None:
        """Make sure that there is something to test against.

        Raises:
            RecordError: none of `records` is of this reference.
        """
        found = {str(Reference(record.method, record.levels)): record for record in records}
        if not any(record in self for record in found.values()):
            raise RecordError(
                f"expected a reference that there are records of ({', '.join(sorted(found))}), got "
                f"{self}; name one with --reference METHOD or METHOD:L"
            )


NQ = Reference("nq")
