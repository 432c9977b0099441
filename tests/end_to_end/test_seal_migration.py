"""From Shamir's key shares to AWS KMS on a Vault that runs: interrupted once, and nothing of it lost."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from sandbox.layout import REPOSITORY
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.faults.key_proof import prove_by_generate_root
from tests.end_to_end.running_vault import poll
from tests.end_to_end.scheduled_snapshots import SCHEDULE

AFTER: Mapping[str, object] = {
    "injector": {"enabled": False},
    "snapshots": {"schedule": SCHEDULE, "volume": {"size": "1Gi"}},
}
BETWEEN = {**AFTER, "migrateFrom": {"seal": "shamir"}}
BEFORE = {**AFTER, "seal": "shamir"}
UP = ("up", "--yes", "--skip-preview")


@pytest.fixture(scope="module")
def migrating(fresh_of_module: Deployment) -> Deployment:
    """A Vault with Shamir's seal, and something in it."""
    fresh_of_module.ensure(BEFORE)
    token = fresh_of_module.outputs()["root_token"]
    fresh_of_module.vault.write("cubbyhole/before", token, {"kept": "yes"})
    return fresh_of_module


def migration(deployment: Deployment) -> "subprocess.Popen[str]":
    """The command, started."""
    return subprocess.Popen(
        [sys.executable, "-m", "components", "migrate-seal"],
        cwd=REPOSITORY,
        env={
            **deployment.stack.environment(),
            "PULUMI_STACK": deployment.stack.name,
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kept(deployment: Deployment) -> bool:
    """Whether what was in Vault before is there."""
    answer = deployment.vault.read("cubbyhole/before", deployment.outputs()["root_token"])
    return answer is not None and answer["data"] == {"kept": "yes"}


def seals(deployment: Deployment) -> list[tuple[str, bool]]:
    """Type of the seal, and whether it is sealed, of each pod that answers."""
    return [(status["type"], status["sealed"]) for status in deployment.vault.seal_statuses()]


def suspended_job(deployment: Deployment) -> bool:
    """Whether the snapshots' job is suspended."""
    job = deployment.cluster.get("cronjob", f"{deployment.name}-snapshot", deployment.in_namespace)
    return bool(job["spec"]["suspend"])


def test_another_seal_without_a_migration_is_refused(migrating: Deployment) -> None:
    migrating.configure(AFTER)
    result = migrating.stack.run(*UP)
    assert result.returncode != 0
    assert "Vault has seal shamir, which only a migration changes: set migrateFrom" in result.stdout
    configuration = migrating.cluster.kubectl(
        "get", "configmap", f"{migrating.name}-config", migrating.in_namespace, "--output=yaml"
    )
    assert "awskms" not in configuration


def test_both_seals_are_configured_and_no_pod_restarts(migrating: Deployment) -> None:
    before = [pod["metadata"]["uid"] for pod in migrating.vault.pods()]
    # As a person does who has suspended it, by the command of status; the field has an owner since.
    for suspended in ("true", "false"):
        patch = f'--patch={{"spec": {{"suspend": {suspended}}}}}'
        migrating.cluster.kubectl(
            "patch", "cronjob", f"{migrating.name}-snapshot", migrating.in_namespace, patch
        )
    migrating.configure(BETWEEN)
    migrating.stack.pulumi(*UP, quiet=True)
    assert suspended_job(migrating)
    assert [pod["metadata"]["uid"] for pod in migrating.vault.pods()] == before
    assert seals(migrating) == [("shamir", False)] * 3
    assert len(migrating.outputs()["key_shares"]) == 5


def test_migration_interrupted_after_its_first_pod_loses_nothing(migrating: Deployment) -> None:
    with migration(migrating) as process:
        assert process.stdout is not None
        # What it says comes at once; asked for from outside, the first pod may be seen after the last one.
        said = next((line for line in process.stdout if "with seal awskms configured" in line), None)
        process.kill()
    assert said is not None
    poll("Vault serves", 30, lambda: kept(migrating))
    result = migrating.stack.run(*UP)
    assert result.returncode == 0, result.stdout + result.stderr
    migrating.configure(AFTER)
    result = migrating.stack.run("preview")
    assert result.returncode != 0
    assert "Vault isn't wholly on seal awskms yet" in result.stdout
    migrating.configure(BETWEEN)


def test_migration_goes_on_and_comes_to_its_end(migrating: Deployment) -> None:
    shares = migrating.outputs()["key_shares"]
    with migration(migrating) as process:
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "Every pod has seal awskms and is unsealed" in said
    assert seals(migrating) == [("awskms", False)] * 3
    assert not [secret for secret in (*shares, migrating.outputs()["root_token"]) if secret in said]
    migrating.configure(AFTER)
    result = migrating.stack.run(*UP)
    assert result.returncode == 0, result.stdout + result.stderr
    # It was the stack that had suspended the job, and another seal's snapshot is the first one again.
    assert "is suspended" not in result.stdout
    assert "The first snapshot is kept" in result.stdout
    assert not suspended_job(migrating)
    outputs = migrating.outputs()
    assert (outputs["recovery_shares"], outputs["key_shares"]) == (shares, [])
    result = migrating.stack.run(*UP, "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_pods_unseal_themselves_and_the_shares_are_good(migrating: Deployment) -> None:
    outputs = migrating.outputs()
    vault = migrating.vault
    vault.delete_pods()
    vault.await_healthy_voters(outputs["root_token"])
    assert kept(migrating)
    prove_by_generate_root(vault.addresses(), outputs["recovery_shares"], 3, vault.session())
