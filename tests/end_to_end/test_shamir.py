"""The Shamir seal: unsealed by the deployment, sealed after a restart, unsealed by the command."""

import subprocess
import sys

import pytest

from sandbox.layout import REPOSITORY
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll


@pytest.fixture(scope="module")
def shamir(fresh_of_module: Deployment) -> Deployment:
    """The stack with the Shamir seal, on any cluster."""
    eks = ("clusterName", "region", "nodeSecurityGroupId")
    fresh_of_module.ensure({"seal": "shamir", "injector": {"enabled": False}, **dict.fromkeys(eks)})
    return fresh_of_module


def test_unsealed_by_the_deployment(shamir: Deployment) -> None:
    outputs = shamir.outputs()
    assert len(outputs["key_shares"]) == 5
    assert outputs["recovery_shares"] == []
    assert {status["type"] for status in shamir.vault.seal_statuses()} == {"shamir"}
    shamir.vault.await_healthy_voters(outputs["root_token"])
    result = shamir.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_unsealed_by_the_command_after_a_restart(shamir: Deployment) -> None:
    vault = shamir.vault
    vault.delete_pods()
    poll(
        "three sealed pods", 60, lambda: [status["sealed"] for status in vault.seal_statuses()] == [True] * 3
    )
    result = subprocess.run(
        [sys.executable, "-m", "components", "unseal"],
        cwd=REPOSITORY,
        env={**shamir.stack.environment(), "PULUMI_STACK": shamir.stack.name},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    token = shamir.outputs()["root_token"]
    vault.await_healthy_voters(token)
    assert not [share for share in shamir.outputs()["key_shares"] if share in result.stdout + result.stderr]
