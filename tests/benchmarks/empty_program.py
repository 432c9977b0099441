"""A program that does nothing but import what the program imports: the floor of every Pulumi command."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.stack import SandboxStack

STACK = "empty"


def import_statements(source: str) -> str:
    """The import statements at the top level of ``source``, one a line, in their order."""
    statements = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "".join(f"{ast.unparse(statement)}\n" for statement in statements)


@contextmanager
def empty_program(program: SandboxStack) -> Iterator[SandboxStack]:
    """A stack of the empty program, in the project, the backend and the environment of ``program``'s.

    Its folder is gone afterwards; its state is in the backend, which goes with the sandbox.
    """
    with TemporaryDirectory(prefix="empty-program-") as name:
        folder = Path(name)
        write_empty_program(program.program, folder)
        stack = replace(program, name=STACK, program=folder)
        stack.configure({})
        stack.select()
        yield stack


def write_empty_program(program: Path, folder: Path) -> None:
    """Makes ``folder`` a project of the same settings, with the imports of ``program`` and nothing else."""
    source = (program / "__main__.py").read_text(encoding="utf-8")
    (folder / "__main__.py").write_text(import_statements(source), encoding="utf-8")
    (folder / "Pulumi.yaml").write_bytes((program / "Pulumi.yaml").read_bytes())
    # What is imported, and the virtual environment that Pulumi.yaml names, lie beside the program.
    for beside in ("components", ".venv"):
        (folder / beside).symlink_to(program / beside)
