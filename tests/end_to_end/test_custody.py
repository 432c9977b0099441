"""Where the keys go, that they are nowhere else, and what becomes of them: stores, holders, revocation."""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.deployment import ONE_POD, Deployment
from tests.end_to_end.faults import custodies
from tests.end_to_end.faults.custodies import AWS_SECRETS_MANAGER, KUBERNETES_SECRET, STATE_FOR_HOLDERS
from tests.end_to_end.leak_search import aws_journal_key, require_nowhere_else
from tests.end_to_end.lost_state import assert_taken_over

KEY_OUTPUTS = ("root_token", "recovery_shares", "key_shares")


def generated_root_token(deployment: Deployment, *, stdin: str = "") -> str:
    """What the documented command prints."""
    result = deployment.run_command("generate-root", stdin=stdin)
    return result.stdout.strip()


def token_works(deployment: Deployment, token: str) -> bool:
    return deployment.vault.read("auth/token/lookup-self", token) is not None


def assert_unlocks(deployment: Deployment) -> None:
    """The stored shares make a root token of this Vault."""
    assert token_works(deployment, generated_root_token(deployment))


def assert_unchanged(deployment: Deployment) -> None:
    result = deployment.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def forget_the_init(deployment: Deployment) -> None:
    """Takes the init and all that depends on it out of the state, as a restored older copy would."""
    state = json.loads(deployment.stack.pulumi("stack", "export", quiet=True))
    resources = state["deployment"]["resources"]
    kinds = ("OperatorInit", "PodRollout", "RaftQuorum", "AuditDevices", "RootTokenRevocation", "JournalKey")
    state["deployment"]["resources"] = [
        resource for resource in resources if not resource["type"].endswith(kinds)
    ]
    subprocess.run(
        deployment.stack.command(("stack", "import", "--force")),
        cwd=deployment.stack.program,
        env=deployment.stack.environment(),
        input=json.dumps(state),
        text=True,
        capture_output=True,
        check=True,
    )


def deploy(deployment: Deployment, settings: Mapping[str, object]) -> Mapping[str, Any]:
    """Deploys, and returns the outputs; the keys may not be among them."""
    deployment.configure({**ONE_POD, **settings})
    deployment.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    return outputs_without_keys(deployment)


def outputs_without_keys(deployment: Deployment) -> Mapping[str, Any]:
    """Returns the outputs; the keys may not be among them."""
    outputs = deployment.outputs()
    assert not any(outputs[name] for name in KEY_OUTPUTS)
    assert outputs["keys_fingerprint"].startswith("sha256:")
    return outputs


@pytest.fixture
def keys_namespace(fresh: Deployment) -> Iterator[str]:
    """A namespace for keys, apart from Vault's."""
    namespace = custodies.namespace_of(fresh)
    fresh.cluster.kubectl("create", "namespace", namespace)
    yield namespace
    fresh.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_kubernetes_secret(fresh: Deployment, keys_namespace: str, tmp_path: Path) -> None:
    require_nowhere_else(fresh, KUBERNETES_SECRET, tmp_path, aws_journal_key)
    outputs = outputs_without_keys(fresh)
    assert keys_namespace in outputs["keys_location"]
    secret = fresh.cluster.get("secret", outputs["custody"]["options"]["name"], "-n", keys_namespace)
    record = json.loads(base64.b64decode(secret["data"]["record.json"]))
    assert token_works(fresh, record["root_token"])
    assert record["cluster_id"] == outputs["cluster_id"]
    assert_unlocks(fresh)
    assert_unchanged(fresh)
    # The journal is done with.
    secrets = fresh.cluster.get("secrets", fresh.in_namespace)["items"]
    names = [found["metadata"]["name"] for found in secrets]
    assert f"{fresh.name}-operator-init" not in names

    assert_taken_over(fresh, tmp_path, outputs)
    assert fresh.outputs()["key_arn"] == outputs["key_arn"]


def test_aws_secrets_manager_and_the_end_of_the_root_token(fresh: Deployment, tmp_path: Path) -> None:
    require_nowhere_else(fresh, AWS_SECRETS_MANAGER, tmp_path, aws_journal_key)
    outputs = outputs_without_keys(fresh)
    secrets = fresh.aws("secretsmanager")
    record = json.loads(secrets.get_secret_value(SecretId=outputs["secret_arn"])["SecretString"])
    assert token_works(fresh, record["root_token"])
    assert_unlocks(fresh)

    settings = {**ONE_POD, **AWS_SECRETS_MANAGER.settings(fresh, tmp_path), "init": {"rootToken": "revoke"}}
    fresh.configure(settings)
    preview = fresh.stack.run("preview")
    assert "root-token-revocation" in preview.stdout
    assert token_works(fresh, record["root_token"])
    fresh.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    after = json.loads(secrets.get_secret_value(SecretId=outputs["secret_arn"])["SecretString"])
    assert after["root_token"] == ""
    assert after["recovery_shares"] == record["recovery_shares"]
    assert not token_works(fresh, record["root_token"])
    assert_unlocks(fresh)
    assert_unchanged(fresh)

    # An update that verifies again has no token to ask for voters with.
    fresh.configure({**settings, "raft": {"performanceMultiplier": 2}})
    result = fresh.stack.run("up", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout
    assert "the voters weren't verified" in result.stdout


def test_shares_and_root_token_that_only_their_holders_can_read(fresh: Deployment, tmp_path: Path) -> None:
    keys = require_nowhere_else(fresh, STATE_FOR_HOLDERS, tmp_path, aws_journal_key)
    assert token_works(fresh, keys.root_token)
    # As the holders read them: hexadecimal digits.
    messages = fresh.outputs()["recovery_shares"]
    pairs = zip(messages, custodies.private_keys(tmp_path), strict=False)
    shares = [custodies.decrypted(message, holder) for message, holder in pairs]
    assert token_works(fresh, generated_root_token(fresh, stdin="\n".join(shares[:2])))
    assert_unchanged(fresh)
