"""Vault's calls that replace the shares (`sys/rekey`, `sys/rekey-recovery-key`), typed.

There is one rekey of a kind at a time, in the memory of the leader. With verification Vault hands out the
new shares and keeps the old ones valid until enough of the new ones came back; a cancel, or another leader,
before that leaves everything as it was (vault/rekey.go). Up to Vault 1.x the calls need no token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.vault.client import VaultClient, VaultRefusedError, VaultUnavailableError

# The rekey is gone: another server leads now, or somebody cancelled it.
ENDED = ("rekey in progress", "rekey verification in progress", "incorrect nonce supplied")


@dataclass(frozen=True)
class RekeyStatus:
    """Whether a rekey runs, and which."""

    started: bool
    nonce: str
    """Names the rekey; empty where none runs."""


@dataclass(frozen=True, repr=False)
class RekeyProgress:
    """The answer to one of the old shares. Not to be printed, hence without a repr of its fields."""

    new_shares: Sequence[str]
    """Base64; empty until the last of the old ones came."""
    verification_nonce: str
    """Names the verification that has to follow; empty until then, too."""


class Rekey:
    """The calls for one kind of shares; each raises as those of :class:`VaultClient` do."""

    def __init__(self, client: VaultClient, *, recovery: bool) -> None:
        self._client = client
        self._path = "sys/rekey-recovery-key" if recovery else "sys/rekey"

    def status(self) -> RekeyStatus:
        """The rekey that runs, whoever started it."""
        answer = self._request("GET", f"{self._path}/init")
        return RekeyStatus(started=bool(answer["started"]), nonce=str(answer.get("nonce") or ""))

    def start(self, *, shares: int, threshold: int) -> RekeyStatus:
        """Starts a rekey that ends with a verification; refused while another runs."""
        answer = self._request(
            "PUT",
            f"{self._path}/init",
            {"secret_shares": shares, "secret_threshold": threshold, "require_verification": True},
        )
        if not answer.get("verification_required"):
            # Without it the old shares would be void before the new ones are stored anywhere.
            raise VaultRefusedError("Vault began a change of shares without its verification step")
        return RekeyStatus(started=True, nonce=str(answer["nonce"]))

    def submit(self, share: str, nonce: str) -> RekeyProgress:
        """Gives one of the old shares; with the last one Vault answers the new ones, once."""
        answer = self._request("PUT", f"{self._path}/update", {"key": share, "nonce": nonce})
        return RekeyProgress(
            new_shares=tuple(answer.get("keys_base64") or ()),
            verification_nonce=str(answer.get("verification_nonce") or ""),
        )

    def verify(self, new_share: str, nonce: str) -> None:
        """Gives one of the new shares back; the last one needed makes the old shares void."""
        self._request("PUT", f"{self._path}/verify", {"key": new_share, "nonce": nonce})

    def cancel(self, nonce: str) -> None:
        """Ends the rekey; newer Vaults ask for its nonce while it is younger than ten minutes."""
        self._request("DELETE", f"{self._path}/init", {"nonce": nonce})

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        try:
            return self._client.request(method, path, body)
        except VaultRefusedError as error:
            if any(words in str(error) for words in ENDED):
                raise VaultUnavailableError(f"the change of shares was ended: {error}") from None
            raise
