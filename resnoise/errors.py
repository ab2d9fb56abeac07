"""Every error this package raises on purpose; the command line prints them as one line."""

from __future__ import annotations


class ResnoiseError(Exception):
    """Base of all errors whose message tells the user what to do."""


class ConfigError(ResnoiseError, ValueError):
    """An argument or option is outside what is allowed."""


class PreparationError(ResnoiseError):
    """A model cannot be turned into a source network."""


class ConversionError(ResnoiseError):
    """A source network cannot be converted to a spiking network."""


class BackendError(ResnoiseError):
    """A backend is unknown or its library is not installed."""


class DataError(ResnoiseError):
    """A data set is missing, incomplete, corrupt or does not fit the model."""


class CheckpointError(ResnoiseError):
    """A checkpoint is truncated, edited or belongs to another network."""


class TrainingError(ResnoiseError):
    """Training cannot continue, for example because the loss is not finite."""


class StorageError(ResnoiseError):
    """A file or directory cannot be written."""


class RecordError(ResnoiseError):
    """A result record or the store that holds it is not valid."""


class CheckError(ResnoiseError):
    """A tree, a reference or a measurement that the gate cannot compare."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """Work ended in good order before its deadline; the same call resumes it.

    Its text says what is done. Whoever set the deadline asked for it.
    """
