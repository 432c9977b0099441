"""An unmodified Vault with a gcpckms seal: what it may and may not do with which roles."""

import requests

from tests.integration.google.running_google import RunningGoogle, StartVault
from tests.integration.vault_servers import VaultServer, wait_until

ENCRYPTER_DECRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
VIEWER = "roles/cloudkms.viewer"
_SECONDS = 40


def initialise(vault: VaultServer) -> str:
    """Initialises a Vault and returns its root token once it is active."""
    body = {"recovery_shares": 1, "recovery_threshold": 1}
    answer = requests.put(f"{vault.address}/v1/sys/init", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    wait_until("it is active", _SECONDS, vault.is_active)
    return str(answer.json()["root_token"])


def grant(google: RunningGoogle, key: str, account: str, *roles: str) -> None:
    google.bind(f"cloudkms.googleapis.com/v1/{key}", {role: [f"serviceAccount:{account}"] for role in roles})


def test_with_a_key_file_it_starts_is_initialised_and_unseals_again(
    google: RunningGoogle, key: str, account: str, start_vault: StartVault
) -> None:
    grant(google, key, account, ENCRYPTER_DECRYPTER, VIEWER)
    google.forget_calls()
    with start_vault(google.key_file(account)) as vault:
        token = initialise(vault)
        client = vault.client(token)
        client.sys.enable_secrets_engine("kv", path="kept")
        client.secrets.kv.v1.create_or_update_secret("one", {"value": "two"}, mount_point="kept")
        called = [call for call in google.calls() if call["protocol"] == "grpc"]
        assert {call["caller"] for call in called} == {f"serviceAccount:{account}"}
        assert {call["status"] for call in called} == {"OK"}
        assert {"GetCryptoKey", "TestIamPermissions", "Encrypt", "Decrypt"} == {c["method"] for c in called}
        google.forget_calls()
        vault.stop()
        vault.start()
        wait_until("it is active again", _SECONDS, vault.is_active)
        kept = vault.client(token).secrets.kv.v1.read_secret("one", mount_point="kept")
        assert kept["data"] == {"value": "two"}
        assert "Decrypt" in {call["method"] for call in google.calls()}


def test_with_what_a_federated_identity_may_impersonate_it_is_unsealed(
    google: RunningGoogle, key: str, account: str, start_vault: StartVault
) -> None:
    """Vault's library exchanges the token by itself: Security Token Service, then IAM Credentials."""
    grant(google, key, account, ENCRYPTER_DECRYPTER, VIEWER)
    google.bind(
        f"iam.googleapis.com/v1/projects/-/serviceAccounts/{account}",
        {"roles/iam.workloadIdentityUser": ["serviceAccount:sandbox-project.svc.id.goog[vault/vault]"]},
    )
    subject = google.folder / "subject-token"
    subject.write_text(google.workload_token("vault", "vault"))
    credentials = {
        "type": "external_account",
        "audience": "identitynamespace:sandbox-project.svc.id.goog:https://container.googleapis.com/v1/"
        "projects/sandbox-project/locations/europe-west3/clusters/vault-sandbox",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/"
        f"serviceAccounts/{account}:generateAccessToken",
        "credential_source": {"file": str(subject)},
    }
    google.forget_calls()
    with start_vault(credentials) as vault:
        initialise(vault)
    done = [(call["host"], call["method"]) for call in google.calls()]
    assert ("sts.googleapis.com", "ExchangeToken") in done
    assert ("iamcredentials.googleapis.com", "GenerateAccessToken") in done


def test_without_get_on_the_key_it_does_not_start(
    google: RunningGoogle, key: str, account: str, start_vault: StartVault
) -> None:
    grant(google, key, account, ENCRYPTER_DECRYPTER)
    with start_vault(google.key_file(account)) as vault:
        said = vault.log.read_text()
        assert "error checking key existence" in said
        denied = "Permission 'cloudkms.cryptoKeys.get' denied on resource"
        assert f"{denied} '{key}' (or it may not exist)." in said


def test_with_get_but_without_use_it_does_not_start(
    google: RunningGoogle, key: str, account: str, start_vault: StartVault
) -> None:
    grant(google, key, account, VIEWER)
    with start_vault(google.key_file(account)) as vault:
        said = vault.log.read_text()
        assert "ensure the service account has at least roles/cloudkms.cryptoKeyEncrypterDecrypter" in said
    assert "Encrypt" not in {call["method"] for call in google.calls() if call["resource"] == key}


def test_a_disabled_version_keeps_it_sealed_until_it_is_enabled(
    google: RunningGoogle, key: str, account: str, start_vault: StartVault
) -> None:
    grant(google, key, account, ENCRYPTER_DECRYPTER, VIEWER)
    version = f"cloudkms.googleapis.com/v1/{key}/cryptoKeyVersions/1?updateMask=state"
    with start_vault(google.key_file(account)) as vault:
        initialise(vault)
        vault.stop()
        assert google.call("PATCH", version, {"state": "DISABLED"}).result["state"] == "DISABLED"
        vault.start()
        said = "is not enabled, current state is: DISABLED."
        wait_until("it says why", _SECONDS, lambda: said in vault.log.read_text())
        assert not vault.is_active()
        assert google.call("PATCH", version, {"state": "ENABLED"}).result["state"] == "ENABLED"
        wait_until("it is active again", _SECONDS, vault.is_active)
