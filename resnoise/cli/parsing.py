"""What the text of an option or argument stands for."""

from __future__ import annotations

from resnoise.errors import ConfigError


def words(text: str) -> tuple[str, ...]:
    """The comma-separated words of an option."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def integers(text: str, option: str) -> tuple[int, ...]:
    """The comma-separated integers of an option.

    Raises:
        ConfigError: a word is no integer.
    """
    try:
        return tuple(int(word) for word in words(text))
    except ValueError as error:
        raise ConfigError(
            f"expected {option} to be integers with commas between, but got {text!r}"
        ) from error


def assignment(text: str) -> tuple[str, str]:
    """The name and the value of an option `--set NAME=VALUE`.

    Raises:
        ConfigError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(
            f"expected --set NAME=VALUE, such as --set activation.levels=2, but got {text!r}"
        )
    return name.strip(), value.strip()
