"""Ranges of addresses."""

from typing import Any

import pytest

from components.config.reader import ConfigReader
from components.settings.address_ranges import read_ranges


def read(values: dict[str, Any]) -> tuple[Any, list[str]]:
    problems: list[str] = []
    return read_ranges(ConfigReader(values, problems, path="p"), "ranges"), problems


def test_ranges_of_both_families_are_kept() -> None:
    assert read({}) == ((), [])
    assert read({"ranges": ["10.0.0.0/8", "2001:db8::/32"]}) == (("10.0.0.0/8", "2001:db8::/32"), [])


@pytest.mark.parametrize("ranges", ["10.0.0.0/8", ["10.0.0.1"], ["10.0.0.0/40"], ["example.com/24"], [8]])
def test_anything_else_is_told(ranges: Any) -> None:
    (problem,) = read({"ranges": ranges})[1]
    assert "give a list of ranges, such as 10.0.0.0/8" in problem
