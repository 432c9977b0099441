"""The Shamir seal: unsealed by the deployment, sealed after a restart, unsealed by the command."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.cluster.credentials import administrator_api
from sandbox.cluster.paths import ClusterPaths
from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.running_vault import poll
from tests.end_to_end.watched_roll import WatchedPods, cancel, start, terminating

EKS = ("clusterName", "region", "nodeSecurityGroupId")
SETTINGS: Mapping[str, object] = {"seal": "shamir", "injector": {"enabled": False}, **dict.fromkeys(EKS)}


@pytest.fixture(scope="module")
def shamir(fresh_of_module: Deployment) -> Deployment:
    """The stack with the Shamir seal, on any cluster."""
    fresh_of_module.ensure(SETTINGS)
    return fresh_of_module


def test_unsealed_by_the_deployment(shamir: Deployment) -> None:
    outputs = shamir.outputs()
    assert len(outputs["key_shares"]) == 5
    assert outputs["recovery_shares"] == []
    assert {status["type"] for status in shamir.vault.seal_statuses()} == {"shamir"}
    shamir.vault.await_healthy_voters(outputs["root_token"])
    require_audited(shamir, outputs["root_token"])
    result = shamir.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_unsealed_by_the_command_after_a_restart(shamir: Deployment) -> None:
    vault = shamir.vault
    vault.delete_pods()
    poll(
        "three sealed pods", 60, lambda: [status["sealed"] for status in vault.seal_statuses()] == [True] * 3
    )
    result = shamir.run_command("unseal")
    token = shamir.outputs()["root_token"]
    vault.await_healthy_voters(token)
    assert not [share for share in shamir.outputs()["key_shares"] if share in result.stdout + result.stderr]


def test_replaced_pods_are_unsealed_with_the_shares_of_the_stack(shamir: Deployment, tmp_path: Path) -> None:
    """The last one, too, which a killed run has left without shares."""
    before = {pod["metadata"]["uid"] for pod in shamir.vault.pods()}
    changed = {**SETTINGS, "podLabels": {"example.com/changed": "once"}}
    shamir.configure(changed)
    result = shamir.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "still run with settings from before this update" in result.stdout
    assert {pod["metadata"]["uid"] for pod in shamir.vault.pods()} == before
    shamir.configure({**changed, "upgrade": {"roll": True}})
    api = administrator_api(ClusterPaths.of(shamir.stack.layout))
    with WatchedPods(api, shamir.name, replicas=3) as pods, start(shamir, tmp_path / "killed.txt") as run:
        run.await_condition("the last pod is ending", lambda: terminating(3)(pods))
        run.kill_everything()
        run.await_killed()
    pods.require_watched()
    assert pods.most_away == 1
    cancel(shamir)
    result = shamir.stack.run("up", "--yes", "--skip-preview")
    said = run.said + result.stdout + result.stderr
    assert result.returncode == 0, said
    assert not before & {pod["metadata"]["uid"] for pod in shamir.vault.pods()}
    outputs = shamir.outputs()
    shamir.vault.await_healthy_voters(outputs["root_token"])
    require_audited(shamir, outputs["root_token"])
    assert not [share for share in outputs["key_shares"] if share in said]
