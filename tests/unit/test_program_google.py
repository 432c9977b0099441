"""The whole program on Google Cloud, as the engine is asked for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import MockResourceArgs

from components.errors import DeploymentError, SettingsError
from tests.unit.fakes import mocked_account, mocked_google
from tests.unit.fakes.commands_on_path import only_commands
from tests.unit.fakes.mocked_account import INIT, NAMESPACE, RELEASE
from tests.unit.fakes.mocked_google import (
    ACCOUNT_MEMBER,
    EMAIL,
    FIREWALL,
    GET_KEY_RINGS,
    GET_KEYS,
    IDENTITY_COMPONENT,
    KEY,
    KEY_ID,
    KEY_MEMBER,
    KUBERNETES_SECRET,
    NOTHING_YET,
    PROVIDER,
    RING,
    RING_ID,
    RINGS,
    SECRET,
    SECRET_MEMBER,
    key,
)
from tests.unit.fakes.recorded_deployment import Answer, Deployment, deploy

GKE = {"project": "acme-prod", "clusterName": "prod", "location": "europe-west3"}
KUBERNETES_PROVIDER = "pulumi:providers:kubernetes"
ANY_CLUSTER = {"project": "acme-prod", "kubeContext": "here"}


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """kubectl and gcloud's plugin, and no AWS CLI."""
    mocked_account.provide_commands(monkeypatch, tmp_path)
    only_commands(
        monkeypatch,
        tmp_path / "google-commands",
        **{"kubectl": "echo '{}'", "gke-gcloud-auth-plugin": "exit 0"},
    )


def computed(args: MockResourceArgs) -> Mapping[str, Any]:
    return {**mocked_account.computed(args), **mocked_google.computed(args)}


def up(
    configuration: Mapping[str, str], answers: Mapping[str, Answer] = NOTHING_YET, **options: Any
) -> Deployment:
    return deploy(configuration, answers=answers, outputs=computed, **options)


def server(deployment: Deployment) -> Mapping[str, Any]:
    values: Mapping[str, Any] = deployment.only(RELEASE).inputs["values"]["server"]
    return values


@pytest.mark.parametrize("preview", [True, False])
def test_vault_starts_after_everything_that_it_unseals_with(preview: bool) -> None:
    deployment = up(GKE, preview=preview)
    assert {RING, KEY, KEY_MEMBER, ACCOUNT_MEMBER, FIREWALL, NAMESPACE} <= deployment.prerequisites(
        deployment.only(RELEASE)
    )
    assert not [type_ for type_ in deployment.types if "aws" in type_]


def test_gke_with_workload_identity() -> None:
    deployment = up(GKE)
    config = server(deployment)["ha"]["raft"]["config"]
    assert 'seal "gcpckms" {' in config
    assert 'crypto_key = "unseal-key"' in config
    assert "credentials" not in config
    annotations = server(deployment)["serviceAccount"]["annotations"]
    assert annotations == {"iam.gke.io/gcp-service-account": EMAIL}
    init = deployment.only(INIT).inputs
    assert (init["seal_type"], init["seal_key"]) == ("gcpckms", KEY_ID)
    assert init["preflight"]["seal"] == "gcpckms"
    assert init["preflight"]["service_account_email"] == EMAIL
    assert {"key_ring", "key_id", "service_account_email", "key_reader_role", "firewall_rule"} <= set(
        deployment.outputs
    )


def test_any_other_cluster_with_a_key_file() -> None:
    deployment = up(ANY_CLUSTER)
    release = deployment.only(RELEASE)
    assert KUBERNETES_SECRET in deployment.prerequisites(release)
    secret = deployment.only(KUBERNETES_SECRET)
    assert NAMESPACE in deployment.prerequisites(secret)
    assert secret.parent == deployment.only(IDENTITY_COMPONENT).urn
    values = server(deployment)
    assert 'credentials = "/vault/userconfig/credentials.json"' in values["ha"]["raft"]["config"]
    mounts = [(mount["mountPath"], mount["readOnly"]) for mount in values["volumeMounts"]]
    assert mounts == [("/vault/userconfig", True), ("/vault/tls", True)]
    assert deployment.of_type(FIREWALL) == []


def test_the_ring_of_an_earlier_stack_is_used_again() -> None:
    deployment = up(GKE, {**NOTHING_YET, GET_KEY_RINGS: RINGS, GET_KEYS: {"keys": [key()]}})
    assert (deployment.only(RING).import_id, deployment.only(KEY).import_id) == (RING_ID, KEY_ID)


def test_a_key_that_is_gone_stops_everything() -> None:
    destroyed = key(primaries=[{"name": f"{KEY_ID}/cryptoKeyVersions/1", "state": "DESTROYED"}])
    with pytest.raises(DeploymentError, match="A key's name can't be used again"):
        up(GKE, {**NOTHING_YET, GET_KEY_RINGS: RINGS, GET_KEYS: {"keys": [destroyed]}})


def test_the_keys_may_go_to_a_secret_of_the_stacks_own() -> None:
    custody = {
        "store": "gcp-secret-manager",
        "secret": "projects/acme-prod/secrets/vault-keys",
        "readers": ["user:somebody@example.com"],
    }
    deployment = up({**GKE, "custody": json.dumps(custody)})
    assert {SECRET, SECRET_MEMBER} <= deployment.prerequisites(deployment.only(INIT))
    assert deployment.outputs["secret_name"] == "projects/acme-prod/secrets/vault-keys"


def test_all_parts_act_as_the_account_of_the_providers_settings() -> None:
    account = "deployer@acme-prod.iam.gserviceaccount.com"
    custody = json.dumps({"store": "gcp-secret-manager", "secret": "projects/acme-prod/secrets/vault-keys"})
    deployment = up({**GKE, "custody": custody, "gcp:impersonateServiceAccount": account})
    assert deployment.only(PROVIDER).inputs["impersonateServiceAccount"] == account
    assert deployment.only(INIT).inputs["custody"]["options"]["impersonated"] == [account]
    kubeconfig = json.loads(deployment.only(KUBERNETES_PROVIDER).inputs["kubeconfig"])
    (user,) = kubeconfig["users"]
    assert user["user"]["exec"]["args"] == [f"--impersonate_service_account={account}"]


def test_settings_that_not_all_parts_can_honour_stop_everything() -> None:
    with pytest.raises(SettingsError, match="gcp:accessToken is set") as raised:
        up({**GKE, "gcp:accessToken": "ya29.hush"})
    assert "hush" not in str(raised.value)
    with pytest.raises(SettingsError, match="gcp:project is "):
        up({**ANY_CLUSTER, "gcp:project": "other"})
    custody = json.dumps({"store": "gcp-secret-manager", "secret": "projects/acme-prod/secrets/vault-keys"})
    with pytest.raises(SettingsError, match="gcp:scopes is set"):
        up({"seal": "shamir", "kubeContext": "here", "custody": custody, "gcp:scopes": "[]"})
    # Nothing of Google is asked there.
    up({"seal": "shamir", "kubeContext": "here", "gcp:scopes": "[]"})
