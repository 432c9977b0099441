"""What is kept of an init: the keys, and what tells whose they are."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from components.errors import DeploymentError

FORMAT = 1


class KeyRecordError(DeploymentError):
    """What lies in a store isn't a record of this program. The message holds nothing of its content."""


@dataclass(frozen=True, repr=False)
class KeyRecord:
    """Root token and shares of one Vault. Not to be printed, hence without a repr of its fields."""

    deployment: str
    """Whose keys these are: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    seal_type: str
    """Seal that the init was made with."""
    seal_key: str
    """What names the key of the seal, such as a KMS key's ARN; empty with Shamir."""
    threshold: int
    """How many shares are needed."""
    root_token: str
    """Empty once it is revoked, and where none was given."""
    recovery_shares: Sequence[str] = ()
    """Base64; empty with Shamir."""
    key_shares: Sequence[str] = ()
    """Base64; empty with auto-unseal."""
    shares_encrypted: bool = False
    """Whether each share is a PGP message (base64) to its holder."""
    root_token_encrypted: bool = False
    """Whether the root token is a PGP message (base64)."""
    cluster_id: str = ""
    """Vault's own identity of the cluster; empty until it was first unsealed."""

    @property
    def shares(self) -> Sequence[str]:
        """The shares, of whichever kind the seal has."""
        return self.key_shares or self.recovery_shares

    @property
    def plain_root_token(self) -> str:
        """The root token where it can be used here; empty where it is its holder's, revoked or unknown."""
        return "" if self.root_token_encrypted else self.root_token

    @property
    def fingerprint(self) -> str:
        """Tells one set of shares from another without telling anything of them: ``sha256:`` and 64 digits.

        Only the shares count, which stay when the root token is revoked and the cluster gets its id.
        """
        joined = "\n".join(self.shares)
        return f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}"

    def without_root_token(self) -> "KeyRecord":
        """The record once the root token is revoked."""
        return replace(self, root_token="", root_token_encrypted=False)

    def to_json(self) -> str:
        """The record as a store keeps it."""
        return json.dumps({"format": FORMAT, **asdict(self)})

    @staticmethod
    def from_json(text: str) -> "KeyRecord":
        """The record in ``text``; raises :class:`KeyRecordError` where it is something else."""
        try:
            document = json.loads(text)
        except ValueError:
            raise KeyRecordError("it isn't JSON") from None
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise KeyRecordError(f"it isn't a key record of format {FORMAT}")
        try:
            return _record(document)
        except (KeyError, TypeError, ValueError):
            raise KeyRecordError("fields of a key record are missing or of another kind") from None


def _record(document: dict[str, Any]) -> KeyRecord:
    texts = ("deployment", "seal_type", "seal_key", "root_token", "cluster_id")
    flags = ("shares_encrypted", "root_token_encrypted")
    lists = ("recovery_shares", "key_shares")
    if not all(isinstance(document[name], str) for name in texts):
        raise TypeError
    if not all(isinstance(document[name], bool) for name in flags):
        raise TypeError
    if not all(isinstance(share, str) for name in lists for share in document[name]):
        raise TypeError
    values: dict[str, Any] = {name: document[name] for name in (*texts, *flags)}
    values.update({name: tuple(document[name]) for name in lists})
    return KeyRecord(threshold=int(document["threshold"]), **values)
