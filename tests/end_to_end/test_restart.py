"""After a restart Vault unseals by itself, or says why it doesn't."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster.credentials import administrator_api
from sandbox.cluster.paths import ClusterPaths
from tests.benchmarks.disturbances import freeze_leader
from tests.benchmarks.rounds import deployed_cluster
from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.forwarded_command import forwarded
from tests.end_to_end.running_vault import poll


def test_all_pods_deleted_and_unsealed_again(awskms: Deployment, tmp_path: Path) -> None:
    vault, token = awskms.vault, awskms.outputs()["root_token"]
    vault.write("cubbyhole/before", token, {"kept": "yes"})
    served = "curl --silent --insecure --output /dev/null $VAULT_ADDR/v1/sys/leader"
    with forwarded(awskms, tmp_path, f"while {served}; do sleep 0.2; done; exit 7") as command:
        vault.delete_pods()
        assert command.process.wait(60) == 7
        assert "no longer serves, as after a restart of its pod" in command.said
        assert command.tunnels() == []
    vault.await_healthy_voters(token)
    assert vault.unsealed() == 3
    answer = vault.read("cubbyhole/before", token)
    assert answer is not None
    assert answer["data"] == {"kept": "yes"}
    require_audited(awskms, token)


def test_ctrl_c_ends_a_forwarded_command_and_its_tunnel(awskms: Deployment, tmp_path: Path) -> None:
    with forwarded(awskms, tmp_path, "exec sleep 600") as command:
        assert command.tunnels()
        command.press_ctrl_c()
        assert command.process.wait(30) == 128 + signal.SIGINT
        assert command.tunnels() == []
        assert "Traceback" not in command.said


def test_clients_are_served_while_the_leader_is_frozen(awskms: Deployment) -> None:
    """A frozen leader keeps the label of the active pod and an open port; see decision 15."""
    cluster = deployed_cluster(awskms.stack, administrator_api(ClusterPaths.of(awskms.stack.layout)))
    cluster.prepare_writes()
    try:
        seconds = freeze_leader(cluster)
    finally:
        cluster.end_writes()
    assert 0 < seconds < 30


@pytest.fixture
def trust_policy(awskms: Deployment) -> Iterator[dict[str, Any]]:
    """The role's trust policy, put back afterwards."""
    iam, role = awskms.aws("iam"), awskms.outputs()["role_name"]
    policy: dict[str, Any] = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    yield json.loads(json.dumps(policy))
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(policy))
    vault, token = awskms.vault, awskms.outputs()["root_token"]
    awskms.cluster.kubectl("delete", "pod", "vault-2", "--namespace=vault")
    vault.await_healthy_voters(token)


def test_a_wrong_subject_fails_as_on_aws(awskms: Deployment, trust_policy: dict[str, Any]) -> None:
    """A pod whose service account the trust policy doesn't name gets no credentials, and Vault exits."""
    log = awskms.stack.layout.logs / "aws.log"
    logged = len(log.read_text())
    conditions = trust_policy["Statement"][0]["Condition"]["StringEquals"]
    subject = next(name for name in conditions if name.endswith(":sub"))
    conditions[subject] = "system:serviceaccount:vault:somebody-else"
    awskms.aws("iam").update_assume_role_policy(
        RoleName=awskms.outputs()["role_name"], PolicyDocument=json.dumps(trust_policy)
    )
    awskms.cluster.kubectl("delete", "pod", "vault-2", "--namespace=vault")
    poll(
        "Vault ends for want of credentials",
        90,
        lambda: (
            "NoCredentialProviders"
            in "".join(
                awskms.cluster.run("logs", "vault-2", "--namespace=vault", *previous).stdout
                for previous in ((), ("--previous",))
            )
        ),
    )
    assert "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity" in log.read_text()[logged:]
    # The pods that hold their credentials already go on.
    assert awskms.vault.unsealed() == 2
