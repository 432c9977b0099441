"""The seal transit: another Vault's key, with a token out of a Secret that was there before."""

import base64
import json
from collections.abc import Iterator, Mapping

import pytest

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.running_vault import poll
from tests.end_to_end.transit_vault import ADDRESS, KEY, TransitVault, transit_vault

IMAGE = "hashicorp/vault:1.18.1"
SETTINGS: Mapping[str, object] = {
    "seal": "transit",
    "createNamespace": False,
    "transit": {"address": ADDRESS, "key": KEY},
    "deadlines": {"preflightSeconds": 15},
    "key": None,
}


@pytest.fixture(scope="module")
def other(deployment: Deployment) -> Iterator[TransitVault]:
    """The other Vault, and a namespace for the program's with a Secret in it; both gone afterwards."""
    deployment.ensure_nothing()
    deployment.configure(SETTINGS)
    cluster = deployment.cluster
    with transit_vault(cluster, IMAGE) as other:
        cluster.kubectl("create", "namespace", "vault")
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "vault-transit-token", "namespace": "vault"},
            "stringData": {"token": other.token("autounseal")},
        }
        cluster.kubectl("create", "--filename=-", stdin=json.dumps(secret))
        try:
            yield other
        finally:
            deployment.ensure_nothing()
            cluster.kubectl("delete", "namespace", "vault", "--wait=true")


def test_missing_right_is_told_before_the_init(deployment: Deployment, other: TransitVault) -> None:
    other.allow(decrypt=False)
    result = deployment.stack.run("up", "--yes", "--skip-preview")
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert f"transit/decrypt/{KEY}" in said
    assert "permission denied" in said
    assert [status["initialized"] for status in deployment.vault_of("vault").seal_statuses()] == [False] * 3
    other.allow(decrypt=True)


@pytest.mark.usefixtures("other")
def test_three_voters_that_unseal_themselves(deployment: Deployment) -> None:
    deployment.stack.pulumi("up", "--yes", "--skip-preview", quiet=True)
    deployment.deployed = SETTINGS
    outputs = deployment.outputs()
    vault, token = deployment.vault, outputs["root_token"]
    assert {status["type"] for status in vault.seal_statuses()} == {"transit"}
    assert len(outputs["recovery_shares"]) == 5
    vault.delete_pods()
    poll("three healthy voters", 120, lambda: vault.healthy_voters(token) == 3)
    result = deployment.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.usefixtures("other")
def test_the_token_is_nowhere_but_in_its_secret(deployment: Deployment) -> None:
    secret = deployment.cluster.get("secret", "vault-transit-token", "--namespace=vault")
    assert secret["data"].keys() == {"token"}
    configuration = deployment.cluster.kubectl(
        "get", "configmap,statefulset", "--namespace=vault", "--output=yaml"
    )
    state = deployment.stack.pulumi("stack", "export", quiet=True)
    token = base64.b64decode(secret["data"]["token"]).decode()
    assert token not in configuration
    assert token not in state
