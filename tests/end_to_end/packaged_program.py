"""A stack in the hands of somebody else's program, which has the installed package."""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.layout import REPOSITORY
from sandbox.stack import SandboxStack
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.older_program import changes
from tests.installed_package import install_package

PROGRAM = "from vault_autounseal import Vault\n\nVault().export()\n"


@contextmanager
def packaged_program(stack: SandboxStack, folder: Path) -> Iterator[SandboxStack]:
    """The same stack, run by a program with the package, whose modules are found meanwhile."""
    program = folder / "program"
    program.mkdir()
    shutil.copy(REPOSITORY / "Pulumi.yaml", program)
    (program / "__main__.py").write_text(PROGRAM)
    # The kubeconfig in the settings and the environment in Pulumi.yaml are given relative to the program.
    (program / ".sandbox").symlink_to(stack.layout.home)
    (program / ".venv").symlink_to(REPOSITORY / ".venv")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PYTHONPATH", str(install_package(folder)))
        yield dataclasses.replace(stack, program=program)


@contextmanager
def given_back(stack: SandboxStack, folder: Path) -> Iterator[None]:
    """The stack's state is put back afterwards."""
    saved = folder / "state.json"
    saved.write_text(stack.pulumi("stack", "export", quiet=True))
    try:
        yield
    finally:
        stack.pulumi("stack", "import", "--file", str(saved), quiet=True)


def require_taken_over(deployment: Deployment, folder: Path) -> None:
    """A stack that the clone has deployed goes over, and nothing of it is replaced; given back afterwards."""
    before, pods = deployment.outputs(), [pod["metadata"]["uid"] for pod in deployment.vault.pods()]
    with given_back(deployment.stack, folder), packaged_program(deployment.stack, folder) as packaged:
        assert changes(packaged) == {("create", "Vault")}
        packaged.pulumi("up", "--yes", "--skip-preview", quiet=True)
        assert deployment.outputs() == {**before, "configuration_namespace": "vault-autounseal"}
        assert [pod["metadata"]["uid"] for pod in deployment.vault.pods()] == pods
        # As in somebody's own folder.
        shown = subprocess.run(
            [sys.executable, "-m", "components", "status"],
            cwd=packaged.program,
            env={**packaged.environment(), "PULUMI_STACK": packaged.name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (shown.returncode, "recovery shares in the stack's state" in shown.stdout) == (0, True), (
            shown.stdout
        )
        back = deployment.stack.run("preview")
        assert back.returncode != 0
        assert "This stack has deployed its Vault as" in back.stdout + back.stderr
