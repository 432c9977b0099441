"""The seal transit: another Vault's key, with a token out of a Secret that was there before."""

import base64
import json
from collections.abc import Iterator, Mapping

import pytest

from tests.built_tools import VAULT
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.transit_vault import ADDRESS, KEY, TransitVault, transit_vault

IMAGE = f"hashicorp/vault:{VAULT}"
SETTINGS: Mapping[str, object] = {
    "seal": "transit",
    "injector": {"enabled": False},
    "createNamespace": False,
    "transit": {"address": ADDRESS, "key": KEY},
    "deadlines": {"preflightSeconds": 10},
}


@pytest.fixture(scope="module")
def transit(fresh_of_module: Deployment) -> Deployment:
    """The stack, configured."""
    fresh_of_module.configure(SETTINGS)
    return fresh_of_module


@pytest.fixture(scope="module")
def other(transit: Deployment) -> Iterator[TransitVault]:
    """The other Vault, and a namespace for the program's with a Secret in it."""
    cluster = transit.cluster
    with transit_vault(cluster, IMAGE) as other:
        cluster.kubectl("create", "namespace", transit.name)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "vault-transit-token", "namespace": transit.name},
            "stringData": {"token": other.token("autounseal")},
        }
        cluster.kubectl("create", "--filename=-", stdin=json.dumps(secret))
        yield other


def test_missing_right_is_told_before_the_init(transit: Deployment, other: TransitVault) -> None:
    other.allow(decrypt=False)
    result = transit.stack.run("up", "--yes", "--skip-preview")
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert f"transit/decrypt/{KEY}" in said
    assert "permission denied" in said
    assert [status["initialized"] for status in transit.vault.seal_statuses()] == [False] * 3
    other.allow(decrypt=True)


@pytest.mark.usefixtures("other")
def test_three_voters_that_unseal_themselves(transit: Deployment) -> None:
    transit.up()
    outputs = transit.outputs()
    vault, token = transit.vault, outputs["root_token"]
    assert {status["type"] for status in vault.seal_statuses()} == {"transit"}
    assert len(outputs["recovery_shares"]) == 5
    vault.delete_pods()
    vault.await_healthy_voters(token)
    result = transit.stack.run("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.usefixtures("other")
def test_the_token_is_nowhere_but_in_its_secret(transit: Deployment) -> None:
    secret = transit.cluster.get("secret", "vault-transit-token", transit.in_namespace)
    assert secret["data"].keys() == {"token"}
    configuration = transit.cluster.kubectl(
        "get", "configmap,statefulset", transit.in_namespace, "--output=yaml"
    )
    state = transit.stack.pulumi("stack", "export", quiet=True)
    token = base64.b64decode(secret["data"]["token"]).decode()
    assert token not in configuration
    assert token not in state
