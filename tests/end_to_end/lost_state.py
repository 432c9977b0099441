"""A stack whose state is lost, and made again of what is in the cloud and in the cluster."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.end_to_end.deployment import Deployment

SAME = ("cluster_id", "deployment", "keys_fingerprint")
"""Outputs by which a Vault and its keys are known."""


def lose_and_import(deployment: Deployment, folder: Path) -> Mapping[str, str]:
    """Lose the state and import, as the documents say; returns what a preview would do next, by URN."""
    stack = deployment.stack
    stack.pulumi("stack", "rm", "--force", "--yes", "--preserve-config", quiet=True)
    stack.select()
    file = folder / "import.json"
    result = subprocess.run(
        [sys.executable, "-m", "components", "import", str(file)],
        cwd=stack.program,
        env={
            **stack.environment(),
            "PULUMI_STACK": stack.name,
            "PULUMI_OPTION_CONFIG_FILE": str(stack.configuration_file),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    stack.pulumi(
        "import", "--file", str(file), "--generate-code=false", "--yes", "--skip-preview", quiet=True
    )
    document: dict[str, Any] = json.loads(stack.pulumi("preview", "--json", quiet=True))
    return {step["urn"]: step["op"] for step in document["steps"] if step["op"] != "same"}


def assert_taken_over(deployment: Deployment, folder: Path, before: Mapping[str, Any]) -> None:
    """Lose the state of a deployment with outputs ``before``: the next update has the same Vault and keys."""
    planned = lose_and_import(deployment, folder)
    # Key ring, key and custom role of Google Cloud are imported by the program.
    assert set(planned.values()) <= {"create", "update", "import"}, planned
    created = [urn.split("::")[2].rpartition("$")[2] for urn, step in planned.items() if step == "create"]
    assert all(created_type.startswith("pulumi-python:dynamic/") for created_type in created), created
    result = deployment.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Keys of this Vault were found" in result.stdout
    after = deployment.outputs()
    assert {name: after[name] for name in SAME} == {name: before[name] for name in SAME}
    unchanged = deployment.stack.run("preview", "--expect-no-changes")
    assert unchanged.returncode == 0, unchanged.stdout + unchanged.stderr
