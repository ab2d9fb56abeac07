"""The gate: what got worse in a working tree, against a base commit or a committed reference.

This package measures other commits too (`resnoise.check.probe`), so its modules import the rest of
`resnoise` inside functions: what an old commit lacks must cost one group of figures, not all.
"""

from __future__ import annotations
