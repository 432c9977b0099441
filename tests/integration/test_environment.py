"""Plain commands in a shell that has read the sandbox's environment.sh, on the real engine."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox.layout import REPOSITORY, Layout
from sandbox.stack import GOOGLE_STACK, NAMESPACE, STACK, SandboxStack
from sandbox.status import write_environment
from tests.built_tools import built_tools

PROGRAM = """
import pulumi

settings = pulumi.Config()
pulumi.export("replicas", settings.get_int("replicas"))
pulumi.export("clusterName", settings.require("clusterName"))
"""
FACT = "of-this-sandbox"

Shell = Callable[[str], str]


@pytest.fixture(params=[STACK, GOOGLE_STACK])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> SandboxStack:
    """A configured stack with nothing deployed, and a checkout of its own."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "Pulumi.yaml").write_text(f"name: {NAMESPACE}\nruntime: python\n", encoding="utf-8")
    (checkout / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    shutil.copy(REPOSITORY / f"Pulumi.{request.param}.yaml", checkout)
    stack = SandboxStack(
        Layout(checkout / ".sandbox"),
        built_tools(),
        cloud_environment={},
        name=request.param,
        program=checkout,
        tracked=request.param,
    )
    stack.configure({"clusterName": FACT})
    write_environment(stack)
    stack.select()
    return stack


@pytest.fixture
def shell(stack: SandboxStack) -> Shell:
    def run(script: str) -> str:
        result = subprocess.run(
            ["sh", "-ec", f". .sandbox/environment.sh\n{script}"],
            cwd=stack.program,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


def test_a_setting_reaches_the_stack_and_never_the_tracked_file(stack: SandboxStack, shell: Shell) -> None:
    tracked = stack.program / f"Pulumi.{stack.name}.yaml"
    before = tracked.read_bytes()

    shell(
        "pulumi config set replicas 5\n"
        "pulumi config set --secret token hidden\n"
        "pulumi up --yes --skip-preview"
    )

    outputs = json.loads(shell("pulumi stack output --json"))
    assert outputs == {"replicas": 5, "clusterName": FACT}
    assert shell("pulumi config get token").strip() == "hidden"
    settings = yaml.safe_load(stack.configuration_file.read_text(encoding="utf-8"))["config"]
    assert settings[f"{NAMESPACE}:replicas"] in (5, "5")
    assert tracked.read_bytes() == before


def test_a_removed_stack_leaves_the_tracked_file(stack: SandboxStack, shell: Shell) -> None:
    tracked = stack.program / f"Pulumi.{stack.name}.yaml"
    before = tracked.read_bytes()

    shell("pulumi stack rm --yes")

    assert tracked.read_bytes() == before
