"""What `pulumi destroy` removes and what it leaves."""

from tests.end_to_end.conftest import Deployment


def test_destroy_removes_what_the_stack_made(awskms: Deployment) -> None:
    outputs = awskms.outputs()
    result = awskms.stack.run("destroy", "--yes", "--skip-preview")
    awskms.deployed = None
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Vault vault/vault stays initialised" in result.stdout
    assert awskms.cluster.run("get", "namespace", "vault").returncode != 0
    webhooks = awskms.cluster.get("mutatingwebhookconfigurations")["items"]
    assert "vault-agent-injector-cfg" not in [webhook["metadata"]["name"] for webhook in webhooks]
    key = awskms.aws("kms").describe_key(KeyId=outputs["key_id"])["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
    assert awskms.customer_aliases() == []
    roles = [role["RoleName"] for role in awskms.aws("iam").list_roles()["Roles"]]
    assert outputs["role_name"] not in roles


def test_a_retained_key_outlives_the_stack(nothing: Deployment) -> None:
    nothing.configure({"key": {"retainOnDestroy": True}})
    nothing.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    key_id = nothing.outputs()["key_id"]
    nothing.ensure_nothing()
    key = nothing.aws("kms").describe_key(KeyId=key_id)["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
