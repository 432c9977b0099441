"""Wraps Vault's calls that generate a root token from the shares (`sys/generate-root`) with types.

There is one attempt at a time, in the memory of the leader: it ends when it is complete, when it is
cancelled, and when the leader changes (vault/generate_root.go). Up to Vault 1.x the calls need no token; from
2.0 on they do, unless the server's configuration names them in `enable_unauthenticated_access` (Vault's
documents on upgrading to 2.x, Important changes).
"""

import base64
from dataclasses import dataclass

from components.vault.client import VaultClient

ATTEMPT = "sys/generate-root/attempt"
UPDATE = "sys/generate-root/update"


@dataclass(frozen=True)
class RootGenerationStatus:
    """The attempt that is in progress, if any, and the number of shares that one needs."""

    started: bool
    nonce: str
    """Identifies the attempt; empty if none is in progress."""
    required: int
    """Number of shares needed: the threshold of the shares that are valid now."""


@dataclass(frozen=True, repr=False)
class RootGenerationAttempt:
    """An attempt that was started here. Not to be printed, hence without a repr of its fields."""

    nonce: str
    required: int
    """Number of shares needed."""
    one_time_pad: str
    """Decodes the new token; only this answer of Vault has it."""


class RootGeneration:
    """The calls of generate-root; each raises the same errors as :class:`VaultClient`."""

    def __init__(self, client: VaultClient) -> None:
        self._client = client

    def status(self) -> RootGenerationStatus:
        """Return the attempt in progress, whoever started it."""
        answer = self._client.request_key_operation("GET", ATTEMPT)
        return RootGenerationStatus(
            started=bool(answer["started"]),
            nonce=str(answer.get("nonce") or ""),
            required=int(answer["required"]),
        )

    def start(self) -> RootGenerationAttempt:
        """Start an attempt with a one-time pad that Vault chooses; refused while another is in progress."""
        answer = self._client.request_key_operation("PUT", ATTEMPT, {})
        return RootGenerationAttempt(
            nonce=str(answer["nonce"]), required=int(answer["required"]), one_time_pad=str(answer["otp"])
        )

    def submit(self, share: str, nonce: str) -> str:
        """Submit one share to the attempt; only the last one shows whether the shares are right.

        The answer to the last one is the encoded token for :func:`decoded_token`; the others are empty.
        """
        answer = self._client.request_key_operation("PUT", UPDATE, {"key": share, "nonce": nonce})
        return str(answer.get("encoded_token") or "")

    def cancel(self) -> None:
        """Cancel the attempt in progress, whoever started it."""
        self._client.request_key_operation("DELETE", ATTEMPT)


def decoded_token(encoded: str, attempt: RootGenerationAttempt) -> str:
    """Decode the new token: base64 without padding, XORed with the pad (sdk/helper/roottoken)."""
    content = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    pad = attempt.one_time_pad.encode()
    return bytes(left ^ right for left, right in zip(content, pad, strict=True)).decode()
