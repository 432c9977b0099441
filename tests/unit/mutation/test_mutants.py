"""What is broken in a module, and what the module is then."""

from pathlib import Path

import pytest

from tests.mutation.mutants import mutants_of

FILE = Path("components/thing.py")


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        ("if a:\n    b = 1\n", "if False:\n    b = 1\n"),
        ("act(1,\n    2)\n", "pass\n"),
        ("a = b == c\n", "a = (b != c)\n"),
        ("a = b <= c\n", "a = (b < c)\n"),
        ("a = b not in c\n", "a = (b in c)\n"),
        ("a = b and c\n", "a = (b or c)\n"),
        ("a = not b\n", "a = (b)\n"),
        ("a = True\n", "a = False\n"),
        ("ä = 'ö'; a = False\n", "ä = 'ö'; a = True\n"),
    ],
)
def test_each_kind_of_place_is_broken(source: str, broken: str) -> None:
    assert [mutant.broken(source) for mutant in mutants_of(FILE, source)] == [broken]


@pytest.mark.parametrize(
    "source",
    [
        '"""Docstring."""\n',
        "@dataclass(frozen=True)\nclass A:\n    pass\n",
        "if TYPE_CHECKING:\n    import os\n",
        "a = 1\n",
    ],
)
def test_what_no_unit_test_could_notice_stays(source: str) -> None:
    assert list(mutants_of(FILE, source)) == []


def test_a_mutant_is_named_by_its_place() -> None:
    (mutant,) = mutants_of(FILE, "\nact(\n    1)\n")
    assert str(mutant) == "components/thing.py:2 call off · act( 1) -> pass"
