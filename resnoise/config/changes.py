"""A recipe with some of its settings changed, by the dotted names that its JSON has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from resnoise.config.recipe import Recipe
from resnoise.errors import ConfigError


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Every setting of a recipe by its dotted name.

    Examples:
        >>> settings_of(Recipe())["activation.levels"]
        4
    """
    return _flat(recipe)


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some settings changed.

    Args:
        recipe: the recipe to start from.
        changes: new values by dotted name. A text is read as JSON if it is that, so `"2"` is the
            integer 2 and `"true"` a switch; of `augmentation` it is names with commas between, or
            `"none"`.

    Raises:
        ConfigError: there is no such setting, or its value is outside what is allowed.

    Examples:
        >>> changed(Recipe(), {"activation.levels": "2"}).activation.levels
        2
    """
    for name, value in changes.items():
        if name not in _flat(recipe):
            raise ConfigError(f"unknown setting {name!r}; known: {', '.join(settings_of(recipe))}")
        recipe = _with(recipe, name.split("."), _read(name, value))
    return recipe


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        nested = is_dataclass(value)
        found |= _flat(value, f"{prefix}{field.name}.") if nested else {prefix + field.name: value}
    return found


def _with(config: Any, path: list[str], value: Any) -> Any:
    name, *rest = path
    return replace(config, **{name: _with(getattr(config, name), rest, value) if rest else value})


def _read(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "augmentation":
        return () if value == "none" else tuple(word.strip() for word in value.split(","))
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
