"""Proves the seal gcpckms: calls get, encrypt and decrypt with the credentials of Vault's pods.

This finds a missing role, a wrong service account or credentials, and a disabled key before anything
irreversible: Vault gets the key when it starts, and encrypts and decrypts during the init.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import google_crc32c

from components.errors import DeploymentError
from components.google.federation import FederatedIdentity
from components.google.vault_credentials import GoogleCallError, KeyFile, VaultIdentity, WorkloadIdentity
from components.kubernetes.kubectl import KubernetesTarget
from components.seal_preflight import DATA_KEY_BYTES, KeyWrapper, prove_key

_KMS = "https://cloudkms.googleapis.com/v1"
_PURPOSE = "ENCRYPT_DECRYPT"
_CONTEXT = b"vault-autounseal:deployment:"
_USE = ("cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt")
_PUT_BACK = "pulumi up --refresh puts back what this stack gives."


def prove_seal(properties: Mapping[str, Any], target: KubernetesTarget, seconds: float) -> "VaultGoogleKey":
    """Prove that Vault's identity can use the key, see :func:`components.seals.seal.prove_seal`.

    ``properties``: ``kind`` of the identity, ``key_id``, and for Workload Identity ``service_account`` (of
    Kubernetes), ``service_account_email``, ``workload_pool`` and ``cluster``; else ``secret``, with
    ``service_account`` and ``token_audience`` for Workload Identity Federation.
    """
    key = VaultGoogleKey(_identity(properties, target), str(properties["key_id"]))
    prove_key(identity=key.identity.name, key=key.name, seconds=seconds, proof=lambda: _prove(key))
    return key


@dataclass(frozen=True, repr=False)
class VaultGoogleKey(KeyWrapper):
    """The seal's key, used as Vault's identity. Every method raises :class:`GoogleCallError`."""

    kind: ClassVar[str] = "google-kms"
    key_field: ClassVar[str] = "key"
    identity: VaultIdentity
    name: str
    """``projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>``."""

    @property
    def key_name(self) -> str:
        """The key's resource name."""
        return self.name

    def wrap(self, key: bytes, deployment: str) -> Mapping[str, str]:
        """Wrap ``key`` with the deployment as additional authenticated data."""
        return {"wrapped_key": _encoded(self.encrypt(key, _context(deployment)))}

    def unwrap(self, header: Mapping[str, str], deployment: str) -> bytes:
        """Return the key; KMS refuses it for another deployment."""
        return self.decrypt(base64.b64decode(header["wrapped_key"], validate=True), _context(deployment))

    def get(self) -> Mapping[str, Any]:
        """Return the key with its primary version."""
        permission = "cloudkms.cryptoKeys.get"
        return self.identity.call(
            permission, "GET", f"{_KMS}/{self.name}", fix=self._grant(f"a role with {permission}")
        )

    def require_permissions(self) -> None:
        """Test the permissions on the key, as Vault does when it starts."""
        answer = self.identity.call(
            "testIamPermissions",
            "POST",
            f"{_KMS}/{self.name}:testIamPermissions",
            {"permissions": list(_USE)},
            fix=self._grant("roles/cloudkms.cryptoKeyEncrypterDecrypter"),
        )
        missing = [permission for permission in _USE if permission not in answer.get("permissions", [])]
        if missing:
            raise GoogleCallError(
                " and ".join(missing),
                f"not granted on {self.name}",
                self._grant("roles/cloudkms.cryptoKeyEncrypterDecrypter"),
                settling=True,
            )

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """Encrypt ``plain`` with KMS; decrypting needs the same context."""
        answer = self._use(
            _USE[0],
            "encrypt",
            {
                "plaintext": _encoded(plain),
                "plaintextCrc32c": _checksum(plain),
                "additionalAuthenticatedData": _encoded(context),
                "additionalAuthenticatedDataCrc32c": _checksum(context),
            },
        )
        ciphertext = base64.b64decode(answer.get("ciphertext", ""))
        if answer.get("verifiedPlaintextCrc32c") is not True:
            raise _damaged("encrypt")
        return _checked("encrypt", ciphertext, answer.get("ciphertextCrc32c"))

    def decrypt(self, ciphertext: bytes, context: bytes) -> bytes:
        """Decrypt what was encrypted with the same context."""
        answer = self._use(
            _USE[1],
            "decrypt",
            {
                "ciphertext": _encoded(ciphertext),
                "ciphertextCrc32c": _checksum(ciphertext),
                "additionalAuthenticatedData": _encoded(context),
                "additionalAuthenticatedDataCrc32c": _checksum(context),
            },
        )
        return _checked(
            "decrypt", base64.b64decode(answer.get("plaintext", "")), answer.get("plaintextCrc32c")
        )

    def _use(self, permission: str, verb: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        fix = self._grant("roles/cloudkms.cryptoKeyEncrypterDecrypter")
        return self.identity.call(permission, "POST", f"{_KMS}/{self.name}:{verb}", body, fix=fix)

    def _grant(self, role: str) -> str:
        return f"{self.identity.name} needs {role} on {self.name}, which has to exist. {_PUT_BACK}"


def _identity(properties: Mapping[str, Any], target: KubernetesTarget) -> VaultIdentity:
    if audience := properties.get("token_audience"):
        return FederatedIdentity(
            target=target,
            secret=str(properties["secret"]),
            kubernetes_account=str(properties["service_account"]),
            audience=str(audience),
        )
    if properties["kind"] != "workload-identity":
        return KeyFile(target=target, secret=str(properties["secret"]))
    return WorkloadIdentity(
        target=target,
        kubernetes_account=str(properties["service_account"]),
        email=str(properties["service_account_email"]),
        workload_pool=str(properties["workload_pool"]),
        cluster=str(properties["cluster"]),
    )


def _prove(key: VaultGoogleKey) -> None:
    _require_usable(key.name, key.get())
    key.require_permissions()
    # Without a context, as Vault's seal uses the key.
    probe = secrets.token_bytes(DATA_KEY_BYTES)
    if key.decrypt(key.encrypt(probe, b""), b"") != probe:
        raise DeploymentError(f"{key.name} decrypted something else than it had encrypted.")


def _require_usable(name: str, found: Mapping[str, Any]) -> None:
    if found.get("purpose") != _PURPOSE:
        raise DeploymentError(
            f"The key {name} is for {found.get('purpose')}. A seal needs one for {_PURPOSE}, and the purpose "
            "of a key can't be changed."
        )
    primary = found.get("primary", {})
    state = primary.get("state", "missing")
    if state == "ENABLED":
        return
    version = str(primary.get("name", ""))
    fixes = {
        "DISABLED": f"Enable it: gcloud kms keys versions enable {version}",
        "DESTROY_SCHEDULED": f"It will be destroyed. Keep it: gcloud kms keys versions restore {version}, "
        "and enable it then.",
    }
    raise GoogleCallError(
        "Use of the key",
        f"the primary version of {name} is {state}",
        fixes.get(state, "The key needs an enabled primary version."),
        settling=state == "PENDING_GENERATION",
    )


def _context(deployment: str) -> bytes:
    return _CONTEXT + deployment.encode()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _checksum(data: bytes) -> str:
    return str(google_crc32c.value(data))


def _checked(verb: str, data: bytes, checksum: object) -> bytes:
    if str(checksum) != _checksum(data):
        raise _damaged(verb)
    return data


def _damaged(verb: str) -> GoogleCallError:
    return GoogleCallError(
        verb,
        "the checksums don't match, so something was damaged on its way",
        "Try again.",
        settling=True,
    )
