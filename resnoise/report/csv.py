"""Tables as CSV that a spreadsheet may open: no name in them becomes a formula or a line."""

from __future__ import annotations

import pandas as pd

from resnoise.utils.text import escaped

_FORMULA = ("=", "+", "-", "@")


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV, one line per row, in full precision.

    Texts that a spreadsheet would run begin with an apostrophe, which it takes for "text", and
    control characters, tabs among them, are escaped.

    Source: OWASP, CSV Injection.
    """
    texts = frame.select_dtypes(["object", "string"])
    safe = frame.astype(dict.fromkeys(texts, object))
    for name in texts:  # `map` would make floats of integers beside missing ones
        safe[name] = pd.Series([*map(_harmless, texts[name])], texts.index, dtype=object)
    return safe.rename(columns=_harmless).to_csv(index=False, lineterminator="\n")


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    return "'" * value.startswith(_FORMULA) + escaped(value)
