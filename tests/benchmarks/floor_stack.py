"""The floor program as a stack of its own, beside the program's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.stack import SandboxStack

STACK = "floor"
SOURCE = Path(__file__).with_name("floor_program.py")


@contextmanager
def floor_stack(program: SandboxStack) -> Iterator[SandboxStack]:
    """Yield a stack of the floor program, in the project, backend and environment of ``program``'s.

    Its folder is gone afterwards; its state is in the backend, which goes with the sandbox.
    """
    with TemporaryDirectory(prefix="floor-program-") as name:
        folder = Path(name)
        write_floor_program(program.program, folder)
        stack = replace(program, name=STACK, program=folder)
        stack.configure({"kubeconfig": str(program.kubeconfig)})
        stack.select()
        yield stack


def write_floor_program(program: Path, folder: Path) -> None:
    """Make ``folder`` a project with the settings of ``program``'s and the floor program in it."""
    (folder / "__main__.py").symlink_to(SOURCE)
    (folder / "Pulumi.yaml").write_bytes((program / "Pulumi.yaml").read_bytes())
    # What is imported, and the virtual environment that Pulumi.yaml names, lie beside the program.
    for beside in ("components", "tests", ".venv"):
        (folder / beside).symlink_to(program / beside)
