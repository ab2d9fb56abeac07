"""What keeps the gate from giving a verdict; a verdict that something got worse is no error."""

from resnoise.errors import ResnoiseError


class CheckError(ResnoiseError):
    """A tree, a reference or a measurement that cannot be compared."""
