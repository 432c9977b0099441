"""Declares the record of an init: the keys, and the Vault that they belong to."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from components.errors import DeploymentError

FORMAT = 1


class KeyRecordError(DeploymentError):
    """The content of a store isn't a record of this program. The message holds nothing of it."""


@dataclass(frozen=True, repr=False)
class KeyRecord:
    """Root token and shares of one Vault. Not to be printed, hence without a repr of its fields."""

    deployment: str
    """The Vault of these keys: ``<uid of the Kubernetes cluster>/<namespace>/<StatefulSet>``."""
    seal_type: str
    """Seal that Vault was initialised with."""
    seal_key: str
    """Name of the seal's key, such as a KMS key's ARN; empty with Shamir."""
    threshold: int
    """Number of shares that are needed."""
    root_token: str
    """Empty once it is revoked, or if none was given."""
    recovery_shares: Sequence[str] = ()
    """Base64; empty with Shamir."""
    key_shares: Sequence[str] = ()
    """Base64; empty with auto-unseal."""
    shares_encrypted: bool = False
    """Whether each share is a PGP message (base64) to its holder."""
    holders: Sequence[str] = ()
    """Fingerprints of these holders' PGP keys, share by share; empty if none are known."""
    root_token_encrypted: bool = False
    """Whether the root token is a PGP message (base64)."""
    cluster_id: str = ""
    """Vault's own id of its cluster; empty until it was first unsealed."""

    @property
    def shares(self) -> Sequence[str]:
        """The shares: recovery shares or key shares, as the seal has them."""
        return self.key_shares or self.recovery_shares

    @property
    def plain_root_token(self) -> str:
        """The root token if it is usable here; empty if it is encrypted to its holder, revoked or unknown."""
        return "" if self.root_token_encrypted else self.root_token

    @property
    def fingerprint(self) -> str:
        """A fingerprint of the shares that isn't secret: ``sha256:`` and 64 digits.

        Only the shares count, which stay when the root token is revoked and the cluster gets its id.
        """
        joined = "\n".join(self.shares)
        return f"sha256:{hashlib.sha256(joined.encode()).hexdigest()}"

    def without_root_token(self) -> "KeyRecord":
        """Return the record as it is after the root token was revoked."""
        return replace(self, root_token="", root_token_encrypted=False)

    def to_json(self) -> str:
        """Return the record as a store keeps it."""
        return json.dumps({"format": FORMAT, **asdict(self)})

    @staticmethod
    def from_json(text: str) -> "KeyRecord":
        """Return the record in ``text``; raise :class:`KeyRecordError` if it is something else."""
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
    lists = ("recovery_shares", "key_shares", "holders")
    # A record of an earlier version names no holders.
    document = {"holders": [], **document}
    if not all(isinstance(document[name], str) for name in texts):
        raise TypeError
    if not all(isinstance(document[name], bool) for name in flags):
        raise TypeError
    if not all(isinstance(share, str) for name in lists for share in document[name]):
        raise TypeError
    values: dict[str, Any] = {name: document[name] for name in (*texts, *flags)}
    values.update({name: tuple(document[name]) for name in lists})
    return KeyRecord(threshold=int(document["threshold"]), **values)
