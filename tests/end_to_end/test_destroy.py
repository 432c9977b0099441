"""What `pulumi destroy` removes and what it leaves."""

from pathlib import Path

from tests.end_to_end.deployment import ONE_POD, Deployment

DESTROY = ("destroy", "--yes", "--skip-preview")


def test_destroy_removes_what_the_stack_made(fresh: Deployment) -> None:
    fresh.up()
    outputs = fresh.outputs()
    webhook = f"{fresh.name}-agent-injector-cfg"
    assert webhook in webhooks(fresh)
    result = fresh.stack.run(*DESTROY)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Vault {fresh.name}/{fresh.name} stays initialised" in result.stdout
    assert not fresh.has_namespace()
    assert webhook not in webhooks(fresh)
    key = fresh.aws("kms").describe_key(KeyId=outputs["key_id"])["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
    assert not fresh.has_key()
    roles = [role["RoleName"] for role in fresh.aws("iam").list_roles()["Roles"]]
    assert outputs["role_name"] not in roles


def test_volumes_come_up_again_with_the_retained_key(fresh: Deployment, tmp_path: Path) -> None:
    """The namespace is somebody else's, so the claims stay; so do the keys, in the file."""
    fresh.cluster.kubectl("create", "namespace", fresh.name)
    kept = {
        **ONE_POD,
        "createNamespace": False,
        "custody": {"store": "file", "path": str(tmp_path / "init.json")},
    }
    fresh.configure({**kept, "key": {"retainOnDestroy": True}})
    fresh.up()
    before = fresh.outputs()
    destroyed = fresh.stack.run(*DESTROY)
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert f"pulumi config set --path key.arn {before['key_arn']}" in destroyed.stdout
    key = fresh.aws("kms").describe_key(KeyId=before["key_id"])["KeyMetadata"]
    assert key["KeyState"] == "Enabled"
    fresh.configure({**kept, "key": {"arn": before["key_arn"]}})
    fresh.up()
    after = fresh.outputs()
    same = ("cluster_id", "deployment", "key_arn", "keys_fingerprint")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert "key_alias" not in after
    assert not fresh.has_key()
    unchanged = fresh.stack.run("preview", "--expect-no-changes")
    assert unchanged.returncode == 0, unchanged.stdout + unchanged.stderr


def webhooks(deployment: Deployment) -> list[str]:
    """Names of the cluster's mutating webhooks."""
    found = deployment.cluster.get("mutatingwebhookconfigurations")["items"]
    return [webhook["metadata"]["name"] for webhook in found]
