"""The proof of the seal gcpckms: the key's state, the permissions, and what KMS gives back."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import pytest

from components.errors import DeploymentError
from components.google import preflight
from components.google.federation import FederatedIdentity
from components.google.preflight import VaultGoogleKey, prove_seal
from components.google.vault_credentials import GoogleCallError, KeyFile, VaultIdentity, WorkloadIdentity
from tests.unit.fakes.kubectl_answers import TARGET

KEY = "projects/acme/locations/e/keyRings/r/cryptoKeys/k"
USABLE = {"purpose": "ENCRYPT_DECRYPT", "primary": {"state": "ENABLED", "name": f"{KEY}/cryptoKeyVersions/1"}}


def checksum(data: bytes) -> str:
    return str(google_crc32c.value(data))


@dataclass(repr=False)
class ScriptedIdentity(VaultIdentity):
    """A KMS that encrypts by turning the bytes round, and answers what a test changes."""

    key: Mapping[str, Any] = field(default_factory=lambda: USABLE)
    permissions: list[str] = field(
        default_factory=lambda: [
            "cloudkms.cryptoKeyVersions.useToEncrypt",
            "cloudkms.cryptoKeyVersions.useToDecrypt",
        ]
    )
    changed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "vault@acme"

    def _fetch(self) -> str:
        return "token"

    def call(
        self,
        action: str,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        fix: str,
    ) -> Mapping[str, Any]:
        assert action
        assert KEY in fix
        verb = url.rpartition(":")[2] if method == "POST" else "get"
        self.sent.append((verb, body or {}))
        return {**self._answer(verb, body or {}), **self.changed.get(verb, {})}

    def _answer(self, verb: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if verb == "get":
            return self.key
        if verb == "testIamPermissions":
            return {"permissions": self.permissions}
        given, got = ("plaintext", "ciphertext") if verb == "encrypt" else ("ciphertext", "plaintext")
        data = base64.b64decode(body[given])
        assert body[f"{given}Crc32c"] == checksum(data)
        turned = data[::-1]
        answer = {got: base64.b64encode(turned).decode(), f"{got}Crc32c": checksum(turned)}
        return {**answer, "verifiedPlaintextCrc32c": True} if verb == "encrypt" else answer


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> ScriptedIdentity:
    identity = ScriptedIdentity(TARGET)
    monkeypatch.setattr(preflight, "_identity", lambda *_: identity)
    monkeypatch.setattr("components.progress.time.sleep", lambda _: None)
    return identity


def prove() -> VaultGoogleKey:
    return prove_seal({"key_id": KEY}, TARGET, 0)


def refused() -> str:
    with pytest.raises(DeploymentError) as raised:
        prove()
    return str(raised.value)


def test_key_is_proved_without_a_context_as_the_seal_uses_it(kms: ScriptedIdentity) -> None:
    key = prove()
    assert (key.key_name, key.kind) == (KEY, "google-kms")
    assert [verb for verb, _ in kms.sent] == ["get", "testIamPermissions", "encrypt", "decrypt"]
    assert {body["additionalAuthenticatedData"] for _, body in kms.sent[2:]} == {""}


def test_key_of_a_journal_is_wrapped_for_its_deployment(kms: ScriptedIdentity) -> None:
    key = VaultGoogleKey(kms, KEY)
    assert key.unwrap(key.wrap(b"data key", "uid/vault"), "uid/vault") == b"data key"
    context = base64.b64encode(b"vault-autounseal:deployment:uid/vault").decode()
    assert {body["additionalAuthenticatedData"] for _, body in kms.sent} == {context}
    assert {body["additionalAuthenticatedDataCrc32c"] for _, body in kms.sent} == {
        checksum(b"vault-autounseal:deployment:uid/vault")
    }
    with pytest.raises(ValueError, match="base64"):
        key.unwrap({"wrapped_key": "%%%%"}, "uid/vault")


def test_key_for_another_purpose(kms: ScriptedIdentity) -> None:
    kms.key = {**USABLE, "purpose": "MAC"}
    assert "is for MAC. A seal needs one for ENCRYPT_DECRYPT" in refused()


@pytest.mark.parametrize(
    ("state", "fix", "settling"),
    [
        ("DISABLED", f"gcloud kms keys versions enable {KEY}/cryptoKeyVersions/1", False),
        ("DESTROY_SCHEDULED", f"gcloud kms keys versions restore {KEY}/cryptoKeyVersions/1", False),
        ("DESTROYED", "needs an enabled primary version", False),
        ("PENDING_GENERATION", "needs an enabled primary version", True),
    ],
)
def test_key_whose_version_is_not_enabled(
    kms: ScriptedIdentity, state: str, fix: str, settling: bool
) -> None:
    found = {**USABLE, "primary": {"state": state, "name": f"{KEY}/cryptoKeyVersions/1"}}
    with pytest.raises(GoogleCallError) as raised:
        preflight._require_usable(KEY, found)
    assert f"is {state}" in str(raised.value)
    assert fix in str(raised.value)
    assert raised.value.settling is settling
    kms.key = found
    assert f"is {state}" in refused()


def test_key_without_a_version(kms: ScriptedIdentity) -> None:
    kms.key = {"purpose": "ENCRYPT_DECRYPT"}
    assert "is missing" in refused()


def test_permission_that_is_missing_is_named_and_waited_for(kms: ScriptedIdentity) -> None:
    kms.permissions = kms.permissions[:1]
    with pytest.raises(GoogleCallError) as raised:
        VaultGoogleKey(kms, KEY).require_permissions()
    assert "cloudkms.cryptoKeyVersions.useToDecrypt" in str(raised.value)
    assert "useToEncrypt" not in str(raised.value)
    assert raised.value.settling


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("encrypt", {"verifiedPlaintextCrc32c": False}),
        ("encrypt", {"ciphertextCrc32c": "0"}),
        ("decrypt", {"plaintextCrc32c": "0"}),
    ],
)
def test_answer_that_was_damaged_on_its_way_is_tried_again(
    kms: ScriptedIdentity, verb: str, answer: Mapping[str, Any]
) -> None:
    kms.changed = {verb: answer}
    with pytest.raises(GoogleCallError, match="the checksums don't match") as raised:
        key = VaultGoogleKey(kms, KEY)
        key.decrypt(key.encrypt(b"probe", b""), b"")
    assert raised.value.settling


def test_key_that_decrypts_something_else(kms: ScriptedIdentity) -> None:
    other = {"plaintext": base64.b64encode(b"other").decode(), "plaintextCrc32c": checksum(b"other")}
    kms.changed = {"decrypt": other}
    assert "decrypted something else than it had encrypted" in refused()


def test_identity_is_the_one_of_the_settings() -> None:
    workload = preflight._identity(
        {
            "kind": "workload-identity",
            "service_account": "vault",
            "service_account_email": "vault@acme",
            "workload_pool": "acme.svc.id.goog",
            "cluster": "projects/acme/locations/e/clusters/c",
        },
        TARGET,
    )
    assert workload == WorkloadIdentity(
        TARGET, "vault", "vault@acme", "acme.svc.id.goog", "projects/acme/locations/e/clusters/c"
    )
    assert preflight._identity({"kind": "secret", "secret": "gcp"}, TARGET) == KeyFile(TARGET, "gcp")
    federated = {
        "kind": "secret",
        "secret": "gcp",
        "service_account": "vault",
        "token_audience": "https://pool.example.com",
    }
    assert preflight._identity(federated, TARGET) == FederatedIdentity(
        TARGET, "gcp", "vault", "https://pool.example.com"
    )
