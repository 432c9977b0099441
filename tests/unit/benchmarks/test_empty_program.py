"""The empty program: the imports of the program and nothing else."""

import ast
from pathlib import Path

from sandbox.layout import REPOSITORY
from tests.benchmarks.empty_program import import_statements, write_empty_program

SOURCE = '''"""Documentation: import nothing."""

import os.path as path, sys
from components.settings import (
    a,
    b as c,
)

def build() -> None:
    import json

if path:
    sys.exit(c(a))
'''


def test_imports_are_taken_with_their_names_and_nothing_else() -> None:
    assert import_statements(SOURCE) == (
        "import os.path as path, sys\nfrom components.settings import a, b as c\n"
    )


def test_a_program_without_imports_gives_an_empty_one() -> None:
    assert import_statements("print(1)\n") == ""


def test_the_projects_own_program_is_emptied_to_the_same_imports() -> None:
    source = (REPOSITORY / "__main__.py").read_text(encoding="utf-8")
    emptied = ast.parse(import_statements(source)).body

    assert emptied
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in emptied)
    assert {ast.unparse(node) for node in emptied} <= {ast.unparse(node) for node in ast.parse(source).body}


def test_the_empty_program_is_of_the_same_project_and_imports_the_same_modules(tmp_path: Path) -> None:
    program, folder = tmp_path / "program", tmp_path / "empty"
    folder.mkdir()
    (program / "components").mkdir(parents=True)
    (program / "components" / "thing.py").touch()
    (program / "Pulumi.yaml").write_text("name: project\n", encoding="utf-8")
    (program / "__main__.py").write_text("import components.thing\nrun()\n", encoding="utf-8")

    write_empty_program(program, folder)

    assert (folder / "__main__.py").read_text(encoding="utf-8") == "import components.thing\n"
    assert (folder / "Pulumi.yaml").read_text(encoding="utf-8") == "name: project\n"
    assert (folder / "components" / "thing.py").samefile(program / "components" / "thing.py")
