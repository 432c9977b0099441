"""The main job: from an empty cluster to an initialised, auto-unsealing Vault of three voters."""

import json

from tests.end_to_end.audited_requests import require_audited
from tests.end_to_end.deployment import Deployment

RESOURCE_TYPES = {
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
    "aws:kms/key:Key",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "kubernetes:core/v1:Namespace",
    "kubernetes:helm.sh/v3:Release",
    "pulumi-python:dynamic/vault:AuditDevices",
    "pulumi-python:dynamic/vault:InjectorAdmission",
    "pulumi-python:dynamic/vault:InjectorRollout",
    "pulumi-python:dynamic/vault:OperatorInit",
    "pulumi-python:dynamic/vault:PodRollout",
    "pulumi-python:dynamic/vault:RaftQuorum",
}


def test_preview_before_the_first_deployment_shows_every_resource(fresh: Deployment) -> None:
    preview = fresh.stack.run("preview", "--json")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    steps = json.loads(preview.stdout)["steps"]
    planned = {step["newState"]["type"] for step in steps if step["op"] == "create"}
    assert planned >= RESOURCE_TYPES
    assert not fresh.has_namespace()
    assert not fresh.has_key()


def test_three_healthy_voters_in_one_cluster(awskms: Deployment) -> None:
    vault, token = awskms.vault, awskms.outputs()["root_token"]
    statuses = vault.seal_statuses()
    assert [(status["type"], status["initialized"], status["sealed"]) for status in statuses] == [
        ("awskms", True, False)
    ] * 3
    assert len({status["cluster_id"] for status in statuses}) == 1
    vault.await_healthy_voters(token)
    answer = vault.read("sys/storage/raft/configuration", token)
    assert answer is not None
    servers = answer["data"]["config"]["servers"]
    assert sorted(server["node_id"] for server in servers) == ["vault-0", "vault-1", "vault-2"]
    assert sum(server["leader"] for server in servers) == 1


def test_requests_are_audited_to_both_devices(awskms: Deployment) -> None:
    outputs = awskms.outputs()
    assert (outputs["audit_devices"], outputs["audit_problem"]) == (["file", "stdout"], "")
    require_audited(awskms, outputs["root_token"])


def test_recovery_shares_are_those_of_this_vault(awskms: Deployment) -> None:
    outputs = awskms.outputs()
    assert len(outputs["recovery_shares"]) == 5
    assert outputs["key_shares"] == []
    attempt = awskms.vault.write("sys/generate-root/attempt", "", {})
    for share in outputs["recovery_shares"][:3]:
        progress = awskms.vault.write(
            "sys/generate-root/update", "", {"key": share, "nonce": attempt["nonce"]}
        )
    assert progress["complete"]


def test_the_key_is_rotated_and_only_the_role_may_use_it(awskms: Deployment) -> None:
    outputs, kms = awskms.outputs(), awskms.aws("kms")
    aliases = {alias["AliasName"]: alias["TargetKeyId"] for alias in kms.list_aliases()["Aliases"]}
    assert aliases["alias/vault-auto-unseal"] == outputs["key_id"]
    assert kms.get_key_rotation_status(KeyId=outputs["key_id"])["KeyRotationEnabled"]
    policy = json.loads(kms.get_key_policy(KeyId=outputs["key_id"], PolicyName="default")["Policy"])
    use = [statement for statement in policy["Statement"] if "kms:Decrypt" in statement["Action"]]
    assert [statement["Condition"] for statement in use] == [
        {"StringEquals": {"aws:PrincipalArn": outputs["role_arn"]}}
    ]


def test_the_webhook_rule_lets_the_control_plane_in(awskms: Deployment) -> None:
    rule_id = awskms.outputs()["ingress_rule_id"]
    answer = awskms.aws("ec2").describe_security_group_rules(SecurityGroupRuleIds=[rule_id])
    rule = answer["SecurityGroupRules"][0]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["IsEgress"]) == (
        "tcp",
        8080,
        8080,
        False,
    )
    cluster = awskms.aws("eks").describe_cluster(name="vault-sandbox")["cluster"]
    source = rule["ReferencedGroupInfo"]["GroupId"]
    assert source == cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]


def test_keys_are_secret_in_state_and_outputs(awskms: Deployment) -> None:
    outputs = awskms.outputs()
    secrets = [outputs["root_token"], *outputs["recovery_shares"]]
    shown = awskms.stack.pulumi("stack", "output", "--json", quiet=True)
    exported = awskms.stack.pulumi("stack", "export", quiet=True)
    stored = "".join(
        path.read_text(errors="replace") for path in awskms.stack.state.rglob("*") if path.is_file()
    )
    for text in (shown, exported, stored):
        assert not [secret for secret in secrets if secret in text]
