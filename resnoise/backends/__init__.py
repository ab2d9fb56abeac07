"""Backends by name. A new one is a file beside this one and a line in `_BACKENDS`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from resnoise.backends.backend import Backend, LeakyConfig, Neuron
from resnoise.errors import BackendError

__all__ = [
    "Backend",
    "LeakyConfig",
    "Neuron",
    "available",
    "description",
    "get",
    "libraries",
    "missing",
    "names",
]

# name -> (module that defines `backend()`, library it needs)
_BACKENDS = {
    "reference": ("resnoise.backends.reference", "torch"),
    "norse": ("resnoise.backends.norse", "norse"),
    "snntorch": ("resnoise.backends.snntorch", "snntorch"),
}


def names() -> list[str]:
    """All known backends, installed or not."""
    return list(_BACKENDS)


def libraries() -> dict[str, str]:
    """The library that each backend is built on, by the name of the backend."""
    return {name: library for name, (_, library) in _BACKENDS.items()}


def available() -> list[str]:
    """The backends whose library is installed."""
    return [name for name, library in libraries().items() if find_spec(library) is not None]


def missing() -> dict[str, str]:
    """The backends whose library is not installed, each with how to install it."""
    return {name: _how_to_install(name) for name in names() if name not in available()}


def get(name: str) -> Backend:
    """The backend of this name.

    Raises:
        BackendError: there is no such backend, or its library is not installed.
    """
    if name not in _BACKENDS:
        raise BackendError(f"unknown backend {name!r}; known: {', '.join(names())}")
    if name not in available():
        raise BackendError(f"backend {name!r} is not installed: {_how_to_install(name)}")
    return import_module(_BACKENDS[name][0]).backend()


def description(name: str) -> str:
    """What a backend is, in a line, or how to install it.

    Examples:
        >>> description("reference")
        'The reference backend: plain PyTorch.'
    """
    if name not in available():
        return f"not installed: {_how_to_install(name)}"
    return import_module(_BACKENDS[name][0]).__doc__.partition("\n")[0]


def _how_to_install(name: str) -> str:
    return f"pip install 'resnoise[{name}]'"
