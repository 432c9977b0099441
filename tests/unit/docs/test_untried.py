"""The list of what was never tried names, for each entry, the tests of what was tried in its place."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.documents import REPOSITORY, tables

PAGE = "docs/untried.md"
ROWS = tables(PAGE, "Untried")


@pytest.mark.parametrize(("untried", "instead"), ROWS, ids=[untried[:40] for untried, _ in ROWS])
def test_what_was_tried_instead_is_a_test_or_nothing(untried: str, instead: str) -> None:
    tests = [
        target
        for target in re.findall(r"\]\(([^)#]+)\)", instead)
        if Path(target).parts[:2] == ("..", "tests")
    ]
    assert bool(tests) is not instead.startswith("Nothing"), untried
    assert [target for target in tests if not (REPOSITORY / "docs" / target).exists()] == []
