"""Differences of property values."""

import pytest

from sandbox.plugins.property_differences import Kind, differences, path_of
from sandbox.plugins.property_values import UNKNOWN, PropertyValue


def paths(old: PropertyValue, new: PropertyValue) -> dict[str, Kind]:
    """Differences by path."""
    return {path_of(steps): kind for steps, kind in differences(old, new)}


def test_equal_values_do_not_differ() -> None:
    assert paths({"a": [1, {"b": "c"}]}, {"a": [1, {"b": "c"}]}) == {}


def test_the_smallest_parts_are_named() -> None:
    old: PropertyValue = {"a": {"kept": 1, "gone": 2, "other": 3}, "list": [1, 2, 3]}
    new: PropertyValue = {"a": {"kept": 1, "other": 4, "new": 5}, "list": [1, 9]}

    assert paths(old, new) == {
        "a.gone": Kind.DELETE,
        "a.other": Kind.UPDATE,
        "a.new": Kind.ADD,
        "list[1]": Kind.UPDATE,
        "list[2]": Kind.DELETE,
    }


@pytest.mark.parametrize(("old", "new"), [(1, "1"), (1, True), (0, False), ("a", UNKNOWN), ({"a": 1}, "a")])
def test_values_of_other_kinds_differ(old: PropertyValue, new: PropertyValue) -> None:
    assert paths({"x": old}, {"x": new}) == {"x": Kind.UPDATE}


def test_unusual_keys_are_quoted() -> None:
    assert path_of(("metadata", "annotations", "a.b/c", 0)) == 'metadata.annotations["a.b/c"][0]'
