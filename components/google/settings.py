"""Declares the settings of the key and the identity in Google Cloud, without importing the slow SDK."""

from dataclasses import dataclass
from typing import Literal

IdentityKind = Literal["workload-identity", "key-file", "secret"]

CREDENTIALS_KEY = "credentials.json"
"""The entry of a Secret that holds Google credentials."""
TOKEN_FOLDER = "/vault/google-token"  # noqa: S105 - a path, like the next one
TOKEN_FILE = f"{TOKEN_FOLDER}/token"
"""The token of the pods' Kubernetes service account, which Workload Identity Federation exchanges."""


@dataclass(frozen=True)
class KeySettings:
    """The KMS key that Vault unseals with. Ring, location and name are its identity and can't be changed."""

    key_ring: str
    """Name of the key ring. A ring can't be deleted, so an existing one is imported."""
    location: str
    """KMS location of the ring: ``global``, a region or a multi-region."""
    name: str
    """Name of the key. It can't be reused once the key's versions are destroyed."""
    rotation_days: int
    """Days between rotations of the primary version; 0 for never. Older versions stay for decryption."""
    destroy_scheduled_days: int
    """Days between the destruction of a version and the loss of everything it sealed (1 to 120)."""
    retain_on_destroy: bool
    """Whether the key stays usable when the stack is destroyed."""

    def ring_id(self, project: str) -> str:
        """Return the key ring's resource name in Google's APIs."""
        return f"projects/{project}/locations/{self.location}/keyRings/{self.key_ring}"

    def key_id(self, project: str) -> str:
        """Return the key's resource name in Google's APIs."""
        return f"{self.ring_id(project)}/cryptoKeys/{self.name}"


@dataclass(frozen=True)
class IdentitySettings:
    """The identity of Vault's pods in Google Cloud."""

    kind: IdentityKind
    """``workload-identity`` (GKE vouches for the pods), ``key-file`` (a service-account key that the stack
    creates and rotates) or ``secret`` (credentials in an existing Secret; nothing is created in IAM)."""
    service_account: str
    """Id of the Google service account, the part of its email before the ``@``; not for kind ``secret``."""
    key_reader_role: str | None
    """Role with ``cloudkms.cryptoKeys.get``; None creates a custom role with this one permission."""
    secret: str
    """Name of the Secret with ``credentials.json`` in Vault's namespace; not for Workload Identity."""
    token_audience: str | None
    """Audience of the pods' token for Workload Identity Federation; None without, as with all other kinds."""
    key_rotation: str
    """A new text rotates the service-account key; for kind ``key-file`` only, like the next one."""
    previous_key_rotation: str | None
    """The text before, whose key stays valid for pods that started with it; None deletes that key."""
