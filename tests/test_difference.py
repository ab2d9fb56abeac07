"""What differs between nested values, whichever side names it."""

import pytest

from resnoise.config.nested import differences


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        ({}, {}, {}),
        ({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [1, 2], "b": 1}}, {}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": (2, 3)}),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, {"a.b": (1, 2)}),
        ({"a": 1}, {"a": 1, "x": {"y": 0.9}}, {"x.y": ("default", 0.9)}),
        ({"x": {"y": 0.9}, "a": 1}, {"a": 1}, {"x.y": (0.9, "default")}),
        ({"a": None}, {}, {"a": (None, "default")}),
        ({"a": "default"}, {}, {"a": ("default", "default")}),
    ],
)
def test_differences(expected, got, found):
    assert differences(expected, got) == found
