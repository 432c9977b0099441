"""Wraps Vault's rekey calls (`sys/rekey`, `sys/rekey-recovery-key`) with types.

There is one rekey of each kind at a time, in the memory of the leader. With verification Vault returns the
new shares and keeps the old ones valid until enough of the new ones are submitted; a cancel or a change of
leader before that leaves everything as it was (vault/rekey.go). Up to Vault 1.x the calls need no token; from
2.0 on they do, unless the server's configuration has `rekey` in `enable_unauthenticated_access`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.vault.client import VaultClient, VaultRefusedError


@dataclass(frozen=True)
class RekeyStatus:
    """The rekey that is in progress, if any."""

    started: bool
    nonce: str
    """Identifies the rekey; empty if none is in progress."""


@dataclass(frozen=True, repr=False)
class RekeyProgress:
    """The answer to one of the old shares. Not to be printed, hence without a repr of its fields."""

    new_shares: Sequence[str]
    """Base64; empty until the last of the old shares."""
    verification_nonce: str
    """Identifies the verification that has to follow; empty until then, too."""


class Rekey:
    """The rekey calls for one kind of shares; each raises the same errors as :class:`VaultClient`."""

    def __init__(self, client: VaultClient, *, recovery: bool) -> None:
        self._client = client
        self._path = "sys/rekey-recovery-key" if recovery else "sys/rekey"

    def status(self) -> RekeyStatus:
        """Return the rekey in progress, whoever started it."""
        answer = self._client.request_key_operation("GET", f"{self._path}/init")
        return RekeyStatus(started=bool(answer["started"]), nonce=str(answer.get("nonce") or ""))

    def start(self, *, shares: int, threshold: int) -> RekeyStatus:
        """Start a rekey that ends with a verification; refused while another is in progress."""
        answer = self._client.request_key_operation(
            "PUT",
            f"{self._path}/init",
            {"secret_shares": shares, "secret_threshold": threshold, "require_verification": True},
        )
        if not answer.get("verification_required"):
            # Without verification the old shares would be void before the new ones are stored anywhere.
            raise VaultRefusedError("Vault began a change of shares without its verification step")
        return RekeyStatus(started=True, nonce=str(answer["nonce"]))

    def submit(self, share: str, nonce: str) -> RekeyProgress:
        """Submit one of the old shares; the answer to the last one has the new shares, once."""
        answer = self._client.request_key_operation(
            "PUT", f"{self._path}/update", {"key": share, "nonce": nonce}
        )
        return RekeyProgress(
            new_shares=tuple(answer.get("keys_base64") or ()),
            verification_nonce=str(answer.get("verification_nonce") or ""),
        )

    def verify(self, new_share: str, nonce: str) -> None:
        """Submit one of the new shares; the last one needed makes the old shares void."""
        self._client.request_key_operation("PUT", f"{self._path}/verify", {"key": new_share, "nonce": nonce})

    def cancel(self, nonce: str) -> None:
        """Cancel the rekey; newer Vaults require its nonce during its first ten minutes."""
        self._client.request_key_operation("DELETE", f"{self._path}/init", {"nonce": nonce})
