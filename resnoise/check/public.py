"""Public names of the side that is measured, also where an older one had them elsewhere."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Modules that defined a name before it was public; the gate measures commits of that time too.
_OLD_HOMES = {
    "ConversionMethod": ("resnoise.methods.conversion",),
    "DataOptions": ("resnoise.grid",),
    "activations": ("resnoise.activation",),
    "job_of": ("resnoise.runs",),
    "train_in": ("resnoise.runs",),
}


def public(name: str) -> Any:
    """`resnoise.<name>` of the side that is measured.

    Raises:
        AttributeError, ImportError: it has no such name.
    """
    homes = ("resnoise", *_OLD_HOMES[name])
    for home in homes[:-1]:
        try:
            return getattr(import_module(home), name)
        except (AttributeError, ImportError):
            continue
    return getattr(import_module(homes[-1]), name)
