"""The wording of the program's docstrings and documents."""

import ast
import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("components", "vault_autounseal")
MODULES = [ROOT / "__main__.py", *(file for one in PACKAGES for file in sorted((ROOT / one).rglob("*.py")))]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Ruff's D401 covers functions alone; a module or class isn't described by a relative clause either.
RELATIVE = re.compile(r"(What|Whether|Which|Who|Whom|Whose|Where|Why)\b|As ``")
DATED = re.compile(r"\bmend(s|ed|ing)?\b", re.IGNORECASE)


def relative_clauses(source: str) -> Iterator[str]:
    """Yield the names whose docstring is a relative clause instead of a sentence, except properties."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            decorators = [ast.unparse(found) for found in getattr(node, "decorator_list", [])]
            if "property" not in decorators and RELATIVE.match(ast.get_docstring(node) or ""):
                yield getattr(node, "name", "the module")


@pytest.fixture
def nothing_collected() -> Iterator[None]:
    """Keep what other tests have left, such as event loops, from being ended within the parser.

    CPython 3.11 takes what Python runs there for a wrong depth of the tree, and raises SystemError.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("nothing_collected")
def test_docstrings_are_sentences() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}" for path in MODULES for name in relative_clauses(path.read_text())
    ]
    assert found == []


def test_defects_are_fixed_and_not_mended() -> None:
    assert [
        str(path.relative_to(ROOT)) for path in (*MODULES, *DOCUMENTS) if DATED.search(path.read_text())
    ] == []


def test_relative_clauses_are_found() -> None:
    source = '''
"""What a module does."""

class Key:
    """As ``Lock``."""

    @property
    def fits(self) -> bool:
        """Whether it fits."""

    def turn(self) -> None:
        """Turn the key."""

def opens() -> bool:
    """Whether it opens."""
'''
    assert list(relative_clauses(source)) == ["the module", "Key", "opens"]
