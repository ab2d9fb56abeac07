"""Tables as CSV that a spreadsheet may open: no name in them becomes a formula."""

from __future__ import annotations

import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV, one line per row, in full precision.

    Texts that a spreadsheet would run begin with an apostrophe, which it takes for "text".

    Source: OWASP, CSV Injection.
    """
    texts = frame.select_dtypes(["object", "string"])
    safe = frame.assign(**{name: texts[name].map(_harmless) for name in texts})
    return safe.rename(columns=_harmless).to_csv(index=False, lineterminator="\n")


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
