"""The settings of the key and the identity in Google Cloud, apart from the SDK, which is slow to import."""

from dataclasses import dataclass
from typing import Literal

IdentityKind = Literal["workload-identity", "key-file", "secret"]

CREDENTIALS_KEY = "credentials.json"
"""The entry of a Secret that holds Google credentials."""


@dataclass(frozen=True)
class KeySettings:
    """The KMS key that Vault unseals with. Ring, location and name make its identity and stay as they are."""

    key_ring: str
    """Name of the key ring. A ring can't be deleted, so one that is there is used again."""
    location: str
    """KMS location of the ring: ``global``, a region or a multi-region."""
    name: str
    """Name of the key. It can't be used again once the key's versions are destroyed."""
    rotation_days: int
    """Days after which KMS makes a new primary version; 0 for never. Older versions stay for decryption."""
    destroy_scheduled_days: int
    """Days between the destruction of a version and the loss of everything it sealed (1 to 120)."""
    retain_on_destroy: bool
    """Whether the key stays usable when the stack is destroyed."""

    def ring_id(self, project: str) -> str:
        """The ring as Google's APIs name it."""
        return f"projects/{project}/locations/{self.location}/keyRings/{self.key_ring}"

    def key_id(self, project: str) -> str:
        """The key as Google's APIs name it."""
        return f"{self.ring_id(project)}/cryptoKeys/{self.name}"


@dataclass(frozen=True)
class IdentitySettings:
    """Who Vault's pods are to Google."""

    kind: IdentityKind
    """``workload-identity`` (GKE vouches for the pods), ``key-file`` (a service-account key, made and renewed
    by the stack) or ``secret`` (credentials that are in the cluster already; nothing of IAM is made)."""
    service_account: str
    """Id of the Google service account, the part of its address before the ``@``; not for kind ``secret``."""
    key_reader_role: str | None
    """Role with ``cloudkms.cryptoKeys.get``; None makes a custom role with this one permission."""
    secret: str
    """Name of the Secret with ``credentials.json`` in Vault's namespace; not for Workload Identity."""
    key_rotation: str
    """Another text makes a new service-account key; for kind ``key-file`` only, as the next one."""
    previous_key_rotation: str | None
    """The text before, whose key stays valid for pods that started with it; None deletes that key."""
