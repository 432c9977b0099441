"""What the layers of tests share stands in modules of its own, never in a test or a conftest."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_layer_imports_another_layers_tests_or_conftest() -> None:
    wrong = [
        f"{file.relative_to(TESTS)} imports {name}"
        for file in TESTS.glob("*/**/*.py")
        for name in imported(file)
        if name.startswith("tests.") and name.split(".")[1] != file.relative_to(TESTS).parts[0]
        if any(part == "conftest" or part.startswith("test_") for part in name.split("."))
    ]
    assert wrong == []
