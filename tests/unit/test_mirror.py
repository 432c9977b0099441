"""Every module of the program has its unit tests at the place that mirrors its own, under its own name."""

import ast
from pathlib import Path

import pytest

from tests.mutation.unit_tests import REPOSITORY, own_tests

MODULES = sorted(path.relative_to(REPOSITORY) for path in (REPOSITORY / "components").rglob("*.py"))


def has_behaviour(source: str) -> bool:
    """Return whether a function does anything: more than a docstring, which an abstract one has, or `...`."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    parts = [part for function in functions for part in function.body]
    return not all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in parts)


def text_of(module: Path) -> str:
    return (REPOSITORY / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", [module for module in MODULES if has_behaviour(text_of(module))], ids=str)
def test_module_with_behaviour_has_a_test_file(module: Path) -> None:
    assert own_tests(module), f"tests/unit/{module.parent}/test_{module.stem}.py is missing"


def test_test_file_names_a_module() -> None:
    of_modules = {test for module in MODULES for test in own_tests(module)}
    tests = (REPOSITORY / "tests" / "unit" / "components").rglob("test_*.py")
    found = {str(test.relative_to(REPOSITORY)) for test in tests}
    assert sorted(found - of_modules) == []


@pytest.mark.parametrize(
    ("source", "behaves"),
    [
        ("from os import path as path", False),
        ("class Some:\n    def method(self) -> int:\n        'Return one.'", False),
        ("class Some:\n    def method(self) -> int:\n        'Return one.'\n        return 1", True),
    ],
    ids=["re-export", "abstract", "method"],
)
def test_behaviour_is_recognised(source: str, behaves: bool) -> None:
    assert has_behaviour(source) is behaves
