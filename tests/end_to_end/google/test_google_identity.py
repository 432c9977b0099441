"""Google's key service for a Vault on any cluster: a key file of the stack's, or credentials given to it."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from tests.end_to_end.google.conftest import IAM, KEY, KMS, PROJECT, GoogleDeployment
from tests.end_to_end.running_vault import poll

ANY_CLUSTER: Mapping[str, object] = {
    "clusterName": None,
    "location": None,
    "replicas": 1,
    "injector": {"enabled": False},
    "deadlines": {"preflightSeconds": 10},
}
ACCOUNTS = f"{IAM}/{PROJECT}/serviceAccounts"
ACCOUNT = "vault-auto-unseal@sandbox-project.iam.gserviceaccount.com"
UP = ("up", "--yes", "--skip-preview")


def credentials(google: GoogleDeployment) -> dict[str, Any]:
    """What the Secret of the pods has."""
    secret = google.cluster.get("secret", "gcp-kms-sa", "--namespace=vault")
    found: dict[str, Any] = json.loads(base64.b64decode(secret["data"]["credentials.json"]))
    return found


def own_keys(google: GoogleDeployment) -> list[str]:
    """Ids of the keys of Vault's account."""
    keys = google.google("GET", f"{ACCOUNTS}/{ACCOUNT}/keys?keyTypes=USER_MANAGED").get("keys", [])
    return [key["name"].rpartition("/")[2] for key in keys]


def restarted(google: GoogleDeployment) -> None:
    """Pod 0 deleted, and unsealed again by itself."""
    google.vault.delete_pods()
    poll("unsealed by itself", 120, lambda: google.vault.unsealed() == 1)


def test_key_file_of_the_stack_is_rotated_by_a_setting(empty: GoogleDeployment) -> None:
    empty.configure(ANY_CLUSTER)
    empty.stack.pulumi(*UP, quiet=True)
    first = credentials(empty)
    assert own_keys(empty) == [first["private_key_id"]]
    restarted(empty)

    rotated = {**ANY_CLUSTER, "identity": {"keyRotation": "2", "previousKeyRotation": "1"}}
    empty.configure(rotated)
    result = empty.stack.run(*UP)
    assert result.returncode == 0, result.stdout + result.stderr
    second = credentials(empty)
    assert sorted(own_keys(empty)) == sorted([first["private_key_id"], second["private_key_id"]])
    template = empty.cluster.get("statefulset", "vault", "--namespace=vault")["spec"]["template"]
    assert second["private_key_id"] in template["metadata"]["annotations"].values()
    restarted(empty)

    empty.configure({**ANY_CLUSTER, "identity": {"keyRotation": "2"}})
    empty.stack.pulumi(*UP, quiet=True)
    assert own_keys(empty) == [second["private_key_id"]]
    restarted(empty)
    result = empty.stack.run(*UP, "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr
    said = empty.stack.pulumi("stack", "export", quiet=True) + empty.stack.pulumi(
        "stack", "output", quiet=True
    )
    body = second["private_key"].splitlines()[1]
    assert body not in said
    assert base64.b64encode(json.dumps(second).encode()).decode()[:40] not in said


def test_credentials_that_are_there_already(empty: GoogleDeployment) -> None:
    """Also: what is wrong in them shows before the init."""
    kubectl = empty.cluster.kubectl
    empty.configure({**ANY_CLUSTER, "createNamespace": False, "identity": {"kind": "secret"}})
    kubectl("create", "namespace", "vault")
    try:
        kubectl("create", "secret", "generic", "gcp-kms-sa", "--namespace=vault", "--from-literal=wrong=1")
        result = empty.stack.run(*UP)
        assert result.returncode != 0
        assert "it has no key credentials.json" in result.stdout
        assert "this run has initialised nothing" in result.stdout

        email = empty.google("POST", ACCOUNTS, {"accountId": "given-to-vault"})["email"]
        made = empty.google("POST", f"{ACCOUNTS}/{email}/keys", {})
        member = [f"serviceAccount:{email}"]
        roles = ("roles/cloudkms.cryptoKeyEncrypterDecrypter", "roles/cloudkms.viewer")
        empty.bind(f"{KMS}/{KEY}", dict.fromkeys(roles, member))
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "gcp-kms-sa", "namespace": "vault"},
            "data": {"credentials.json": made["privateKeyData"]},
        }
        kubectl("apply", "--filename=-", stdin=json.dumps(secret))
        empty.stack.pulumi(*UP, quiet=True)
        empty.vault.delete_pods()
        poll("unsealed by itself", 120, lambda: empty.vault.unsealed() == 1)
        assert empty.outputs().get("service_account_email") is None
    finally:
        empty.ensure_nothing()
        kubectl("delete", "namespace", "vault", "--wait=true")
        empty.bind(f"{KMS}/{KEY}", {})


def test_api_that_is_off_is_named_before_anything_is_made(empty: GoogleDeployment) -> None:
    api = "cloudkms.googleapis.com"
    empty.enable(api)
    empty.disable(api)
    try:
        empty.configure({**ANY_CLUSTER, "enableApis": False})
        result = empty.stack.run("preview")
        assert result.returncode != 0
        said = result.stdout + result.stderr
        assert "gcloud services enable cloudkms.googleapis.com" in said
        assert "enableApis" in said
    finally:
        empty.enable(api)
